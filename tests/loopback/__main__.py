"""python -m loopback FOLDER [--latency-s 0.08] [--bytes-per-s 5e6]: serve until interrupted."""

from __future__ import annotations

import argparse
import signal
import sys

from .archive import LoopbackArchive
from .process import serve


def main() -> None:
    """Serve a folder for a person, or, with "-", for the process that started this one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--latency-s", type=float, default=0.0)
    parser.add_argument("--bytes-per-s", type=float)
    asked = parser.parse_args()
    if asked.folder == "-":
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
        serve(sys.stdin, sys.stdout)
        return
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # before there are threads, which inherit it
    with LoopbackArchive(asked.folder, asked.latency_s, asked.bytes_per_s) as archive:
        for name, origin in archive.hosts.items():
            print(f"{name:8} {origin}")
        print(f"{'token':8} {archive.token()}", flush=True)
        signal.sigwait(ends)


if __name__ == "__main__":
    main()
