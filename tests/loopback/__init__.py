"""An archive like NASA's on loopback, with faults on demand: for the tests, the benchmarks and the pictures.

    with LoopbackArchive(folder, latency_s=0.08, bytes_per_s=5e6) as archive:
        archive.faults.add(Fault(503, times=2))
        read(archive.url("lp-prod-protected/..."), archive.token(), archive.origins)
        assert len(archive.asked("signed")) == 7

Standard library only; see :class:`LoopbackArchive`, :class:`Fault` and `loopback.faults.KINDS`.
"""

from .archive import LoopbackArchive
from .faults import KINDS, Fault
from .ledger import Request
from .login import Account
from .proxy import LoopbackProxy, ProxyRequest
from .umm import umm_record

__all__ = ["KINDS", "Account", "Fault", "LoopbackArchive", "LoopbackProxy", "ProxyRequest", "Request", "umm_record"]
