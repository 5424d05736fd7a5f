"""What the tests of reading from the archive on loopback share: a file of known bytes, and clients that are quick."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pixel_spectra.core.archive.web.http import HttpClient
from pixel_spectra.core.archive.web.limits import Limits

from loopback import LoopbackArchive

PATH = "lp-prod-protected/EMITL2ARFL.001/EMIT_L2A_RFL_001_a/EMIT_L2A_RFL_001_a.nc"
PUBLIC = "lp-prod-public/EMITL2ARFL.001/EMIT_L2A_RFL_001_a/a.png"
CONTENT = bytes((7 * k + k // 251) % 256 for k in range(400_000))
SIDECAR = b"<Dataset/>"

QUICK = Limits(connections=16, connect_s=5.0, read_s=5.0, retries=3, backoff_s=0.01, retry_after_s=0.05)
"""As patient as needed on a busy machine, without pauses."""
SHORT = Limits(connections=4, connect_s=5.0, read_s=0.4, retries=1, backoff_s=0.01)
"""For servers that do not answer."""
PATIENT = Limits(connections=2, connect_s=600.0, read_s=600.0)
"""Would wait for ever, were it not for a cancel."""


def fill(folder: Path) -> Path:
    """Lay the file and its sidecar out under `folder`."""
    for path, content in ((PATH, CONTENT), (f"{PATH}.dmrpp", SIDECAR), (PUBLIC, CONTENT)):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def client_of(archive: LoopbackArchive, limits: Limits = QUICK, user: str = "analyst", **options: Any) -> HttpClient:
    """A client that is signed in, to be closed by the caller."""
    token = archive.token(user)
    return HttpClient(lambda: token, archive.origins, limits=limits, **options)


class CancelledWhen:
    """A Progress whose user cancels as soon as `condition` holds."""

    def __init__(self, condition: Any) -> None:
        self._condition = condition

    def report(self, fraction: float, message: str = "") -> None:
        """Nothing."""

    @property
    def cancelled(self) -> bool:
        return bool(self._condition())
