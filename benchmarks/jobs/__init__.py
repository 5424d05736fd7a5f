"""The jobs that are timed: one file each. A file here that registers a function is all that a new one needs."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench import Bench
from figures import Row


@dataclass(frozen=True)
class Job:
    """One benchmark."""

    name: str
    """How it is called on the command line."""
    order: int
    """Its place in the report."""
    rows: Callable[[Bench], Iterator[Row]]
    """Measures, and yields the lines of the report."""


JOBS: dict[str, Job] = {}


def job(name: str, order: int) -> Callable[[Callable[[Bench], Iterator[Row]]], Callable[[Bench], Iterator[Row]]]:
    """Register a function as the benchmark `name`."""
    def register(rows: Callable[[Bench], Iterator[Row]]) -> Callable[[Bench], Iterator[Row]]:
        JOBS[name] = Job(name, order, rows)
        return rows

    return register


def all_jobs() -> list[Job]:
    """Every job of this folder, in the order of the report."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return sorted(JOBS.values(), key=lambda one: one.order)
