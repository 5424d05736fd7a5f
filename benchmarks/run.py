"""Time our jobs side by side with those of peers and print the ratios: `make bench`.

--quick runs everything once on a small granule, to see that it works; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Optional

ROOT = Path(__file__).resolve().parents[1]
with suppress(ValueError):
    sys.path.remove(str(ROOT))  # the package is pixel_spectra, not the loose rooms of it
sys.path.insert(0, str(ROOT / ".dev" / "plugins"))

import figures  # noqa: E402
import full_granule  # noqa: E402
import machine  # noqa: E402
import page_cache  # noqa: E402
from bench import Bench  # noqa: E402
from jobs import Job, all_jobs  # noqa: E402
from peers import Peers  # noqa: E402


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run the benchmarks; the exit status is 0 also where a target is missed, 1 where nothing could be run."""
    jobs = {job.name: job for job in all_jobs()}
    options = _options(arguments, list(jobs))
    told = machine.describe()
    print(machine.shown(told))
    shape = full_granule.SMALL if options.quick else full_granule.FULL
    try:
        files = full_granule.prepare(options.folder, shape)
    except figures.NotMeasured as reason:
        print(f"bench: {reason}", file=sys.stderr)
        return 1
    bench = Bench(files, Peers(not options.no_peers), options.quick)
    try:
        rows = _report(bench, [jobs[name] for name in options.only or jobs])
    finally:
        if not options.keep:
            full_granule.remove(options.folder)
    told["peers"], told["load_after"] = bench.peers.versions(), machine.load()
    print(f"\npeers: {told['peers']}; load average at the end {told['load_after']}")
    print(_verdict(rows))
    if options.json:
        options.json.write_text(json.dumps({"machine": told, "shape": shape, "quick": options.quick,
                                            "rows": [row.as_dict() for row in rows]}, indent=1))
    return 0


def _options(arguments: Optional[Sequence[str]], names: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small granule and few repetitions")
    parser.add_argument("--no-peers", action="store_true", help="time only ours; nothing is installed")
    parser.add_argument("--only", nargs="+", choices=names, metavar="JOB", help=f"some of: {', '.join(names)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--folder", type=Path, default=ROOT / ".dev" / "bench",
                        help="where the granule is made (2.1 GB); default .dev/bench")
    parser.add_argument("--keep", action="store_true", help="keep the granule for the next time")
    return parser.parse_args(arguments)


def _report(bench: Bench, jobs: Sequence[Job]) -> list[figures.Row]:
    """Run the jobs and print each row as soon as it is there."""
    rows: list[figures.Row] = []
    small = " (--quick: the figures mean nothing)" if bench.quick else ""
    print(f"granule: {bench.files.shape[0]} x {bench.files.shape[1]} x 285, contiguous float32{small}\n"
          f"ratio = peer / ours: above 1x we are faster (or smaller)\n\n{figures.head()}")
    for job in jobs:
        bench.notes.clear()
        page_cache.warm((bench.files.reflectance, bench.files.mask))
        for row in job.rows(bench):
            rows.append(row)
            print(figures.line(row), flush=True)
        for note in bench.notes:
            print(f"  * {note}")
    return rows


def _verdict(rows: Sequence[figures.Row]) -> str:
    met: dict[str, Any] = {}
    for row in rows:
        met.setdefault(row.met, []).append(row.job)
    counted = [f"{len(met.get(key, []))} {name}" for key, name in
               ((figures.MET, "met"), (figures.MISSED, "MISSED"), (figures.NOT_MEASURED, "not measured"))]
    partly = sum(len(jobs) for key, jobs in met.items() if key.startswith(figures.MET + ";"))
    missed = "".join(f"\nMISSED: {name}" for name in met.get(figures.MISSED, []))
    return f"targets: {', '.join(counted)}, {partly} met with a ratio not measured{missed}"


if __name__ == "__main__":
    sys.exit(main())
