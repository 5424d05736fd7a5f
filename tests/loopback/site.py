"""All hosts of one archive in this process, and what they share."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Callable, Optional

from . import cmr, files, login
from .exchange import Answer, Exchange
from .faults import Fault, Faults
from .ledger import Ledger
from .login import Account
from .server import Host
from .throttle import Throttle
from .tokens import Seal

ACCOUNTS = {"analyst": Account("loopback-password"), "newcomer": Account("loopback-password", licence=False)}
"""Who can sign in unless others are given: one with the licence accepted, one without."""


@dataclass
class Settings:
    """What can be changed while the servers run."""

    latency_s: float = 0.0
    """Before the first byte of every answer."""
    bytes_per_s: Optional[float] = None
    """Of all bodies of all connections together; None without limit."""
    signed_lifetime_s: float = 3600.0
    """Of a signed address."""
    signed_epoch: int = 0
    """Another number makes every signed address given so far invalid."""
    token_lifetime_s: float = 60 * 86400.0
    """Of a token of the login host."""
    clock_offset_s: float = 0.0
    """How far the servers' clock is off; Date headers and the expiry of signed addresses go by it."""
    redirect_status: int = 307
    """Of the step from the data host to the signed one."""
    public_redirect: bool = True
    """Whether public files take that step too (without a token), as the archive's front door does."""
    page_cap: int = 100
    """Most items of a STAC page, whatever was asked."""
    search_after: str = "always"
    """CMR-Search-After: "always" with every page that holds a granule, or "exact": not with the last."""


class Site:
    """The hosts, started and stopped together."""

    def __init__(self, folder: Path, secret: str = "", accounts: Optional[Mapping[str, Account]] = None) -> None:
        self.folder, self.seal = folder.resolve(), Seal(secret)
        self.accounts = dict(ACCOUNTS if accounts is None else accounts)
        self.settings, self.throttle = Settings(), Throttle()
        self.ledger, self.faults = Ledger(), Faults()
        self.records: list[dict[str, Any]] = []
        self.broken: list[str] = []
        self.stopping = threading.Event()
        self._hosts = {name: Host(name, self, answer) for name, answer in self._answers().items()}
        self.origins = {name: host.origin for name, host in self._hosts.items()}

    def _answers(self) -> dict[str, Callable[[Exchange], Answer]]:
        return {"data": files.data(self), "signed": files.signed(self), "login": login.respond(self),
                "cmr": cmr.respond(self), "browse": files.open_to_all(self, files.PUBLIC),
                "foreign": files.open_to_all(self)}

    def start(self) -> None:
        for host in self._hosts.values():
            host.start()

    def stop(self) -> None:
        self.stopping.set()
        stoppers = [threading.Thread(target=host.stop) for host in self._hosts.values()]
        for stopper in stoppers:
            stopper.start()
        for stopper in stoppers:
            stopper.join()

    def now(self) -> float:
        """Unix seconds by the servers' clock."""
        return time.time() + self.settings.clock_offset_s

    def find(self, path: str) -> Optional[Path]:
        """The file at a path of the address; None where there is none inside the folder."""
        found = (self.folder / path.lstrip("/")).resolve()
        inside = self.folder in found.parents
        return found if inside and found.is_file() else None

    def broke(self, host: str) -> None:
        """A host's own mistake: kept, so that the archive can complain when it is closed."""
        self.broken.append(f"{host}: {traceback.format_exc()}")

    def configure(self, **settings: Any) -> None:
        known = {item.name for item in fields(Settings)}
        for name, value in settings.items():
            if name not in known:
                raise TypeError(f"there is no setting {name!r}; there are {', '.join(sorted(known))}")
            setattr(self.settings, name, value)
        self.throttle.bytes_per_s = self.settings.bytes_per_s

    def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """One of CALLS by its name: the one way in, for this process and for others."""
        return CALLS[name](self, **arguments)


CALLS: dict[str, Callable[..., Any]] = {
    "requests": lambda site: site.ledger.requests(),
    "clear_requests": lambda site: site.ledger.clear(),
    "add_fault": lambda site, **facts: site.faults.add(Fault(**facts)),
    "clear_faults": lambda site: site.faults.clear(),
    "records": lambda site: list(site.records),
    "add_records": lambda site, records: site.records.extend(records),
    "clear_records": lambda site: site.records.clear(),
    "configure": lambda site, **settings: site.configure(**settings),
    "settings": lambda site: dict(vars(site.settings)),
    "broken": lambda site: list(site.broken),
}
