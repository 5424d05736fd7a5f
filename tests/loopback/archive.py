"""The archive as tests see it, whether its servers run in this process or in one of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, Union
from urllib.parse import quote

from .faults import Fault
from .ledger import Request
from .login import Account
from .site import Site
from .umm import umm_record

if TYPE_CHECKING:
    from granules import GranuleFiles, Scene
    from sidecars import Published


class FaultList:
    """The faults in waiting."""

    def __init__(self, archive: LoopbackArchive) -> None:
        self._archive = archive

    def add(self, fault: Union[Fault, str, int], **options: Any) -> None:
        """Take a Fault, or the arguments of one."""
        fault = fault if isinstance(fault, Fault) else Fault(fault, **options)
        self._archive.call("add_fault", **fault.facts())

    def clear(self) -> None:
        self._archive.call("clear_faults")


class Records:
    """The granule records (UMM-G) that the search host answers from."""

    def __init__(self, archive: LoopbackArchive) -> None:
        self._archive = archive

    def append(self, record: Mapping[str, Any]) -> None:
        self.extend([record])

    def extend(self, records: Iterable[Mapping[str, Any]]) -> None:
        self._archive.call("add_records", records=list(records))

    def clear(self) -> None:
        self._archive.call("clear_records")

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._archive.call("records"))

    def __len__(self) -> int:
        return len(self._archive.call("records"))


class LoopbackArchive:
    """Serve the files under `folder` as NASA's archive does, on free ports of 127.0.0.1.

    Use as a context manager. `settings` are those of :class:`loopback.site.Settings`; `process=True` runs the
    servers in a process of their own, so that they do not share the interpreter with the client. Closing fails
    when a host made a mistake of its own (not a fault that was ordered).
    """

    def __init__(
        self, folder: Union[str, Path], latency_s: float = 0.0, bytes_per_s: Optional[float] = None, *,
        accounts: Optional[Mapping[str, Account]] = None, process: bool = False, **settings: Any,
    ) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._settings = {"latency_s": latency_s, "bytes_per_s": bytes_per_s, **settings}
        if process:
            from .process import ChildSite

            self._site: Any = ChildSite(self.folder, accounts=accounts)
        else:
            self._site = Site(self.folder, accounts=accounts)
        self.faults, self.records = FaultList(self), Records(self)

    def __enter__(self) -> LoopbackArchive:
        self._site.start()
        self.configure(**self._settings)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        broken = self._site.call("broken", {})
        self._site.stop()
        if broken and kind is None:
            raise AssertionError("the loopback archive failed:\n" + "\n".join(broken))

    def call(self, name: str, **arguments: Any) -> Any:
        return self._site.call(name, arguments)

    @property
    def hosts(self) -> dict[str, str]:
        """Origin by name: data, signed, login, cmr, browse, foreign."""
        return dict(self._site.origins)

    @property
    def origins(self) -> tuple[str, ...]:
        """What may receive the token: the data host."""
        return (self._site.origins["data"],)

    def url(self, path: Union[str, Path], host: str = "data") -> str:
        """The address of a file under the folder (relative to it, or a Path inside it) on a host."""
        path = Path(path)
        if path.is_absolute() and self.folder in path.parents:
            path = path.relative_to(self.folder)
        return f"{self._site.origins[host]}/{quote(path.as_posix().lstrip('/'))}"

    def token(self, user: str = "analyst", lifetime_s: float = 86400.0) -> str:
        """A new token of `user`; a negative life has expired."""
        return self._site.seal.token(user, lifetime_s)

    def record(self, scene: Scene, **options: Any) -> dict[str, Any]:
        """The record of a scene with addresses of this archive; `options` are those of :func:`umm_record`."""
        return umm_record(scene, self._site.origins["data"], folder=self.folder, **options)

    def publish(self, files: GranuleFiles, *, sidecars: bool = True, browse: bool = True, inline: bool = False,
                **options: Any) -> Published:
        """Lay a synthetic granule out in the folder and add its record, or two where the MASK is of its own."""
        from sidecars import publish

        published = publish(files, self.folder, sidecars=sidecars, browse=browse, inline=inline)
        for granule in published.granules:
            self.records.append(self.record(files.scene, **granule, sidecars=sidecars, **options))
        return published

    @property
    def requests(self) -> list[Request]:
        """What has reached the hosts so far, in order: a copy."""
        return self.call("requests")

    def asked(self, *hosts: str) -> list[Request]:
        """Those of some hosts."""
        return [request for request in self.requests if request.host in hosts]

    def clear(self) -> None:
        """Forget the requests so far; faults stay."""
        self.call("clear_requests")

    def configure(self, **settings: Any) -> None:
        """Change settings while it runs."""
        self.call("configure", **settings)

    def expire_signatures(self) -> None:
        """Make every signed address given so far answer 403."""
        self.configure(signed_epoch=self.call("settings")["signed_epoch"] + 1)
