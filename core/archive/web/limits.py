"""How patient the client of the archive is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What one HttpClient allows itself and the servers."""

    connections: int = 16
    """Requests under way at the same time, each over a connection of its own that is kept."""
    connect_s: float = 10.0
    """Seconds until a connection must stand."""
    read_s: float = 20.0
    """Seconds until an answer must begin, and in which each further KB per second of them must arrive."""
    retries: int = 4
    """Further attempts after the first one failed in a way that may pass."""
    redirects: int = 5
    """Redirects that are followed for one request."""
    backoff_s: float = 0.5
    """Pause before the second attempt; it doubles from one to the next."""
    retry_after_s: float = 30.0
    """Longest pause that a server may ask for."""
    sidecar_s: float = 5.0
    """Seconds until the description of a file must be there, wherever it is looked for; it is done without it else."""
    deadline_s: float = 120.0
    """Seconds after which no further attempt is begun."""
