"""Two threads for work that numpy does: results in order, few of them waiting, and BLAS on one thread meanwhile."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, Callable, Optional, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

THREADS = 2
"""Reading and computing are bound by memory: more threads gain little, and QGIS needs its own."""


def in_order(work: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result, None, None]:
    """Yield `work(item)` for every item, in order, at most a result per thread ahead of who takes them.

    One thread where the machine has one, or where BLAS has threads of its own that cannot be limited. Close the
    generator (contextlib.closing) where it may not be used up: it then waits for what has begun, and no more.
    """
    with one_blas_thread() as limited:
        threads = min(THREADS, os.cpu_count() or 1) if limited else 1
        if threads == 1:
            yield from map(work, items)
            return
        waiting: deque[Future[Result]] = deque()
        with ThreadPoolExecutor(threads) as pool:
            try:
                for item in items:
                    waiting.append(pool.submit(copy_context().run, work, item))
                    if len(waiting) > threads:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()


@dataclass
class _Holders:
    """Who wants BLAS on one thread now, and what it had before the first of them."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    """Guards the other two."""
    n: int = 0
    """Number of holders."""
    before: int = 1
    """Threads to go back to."""


_HOLDERS = _Holders()


@contextmanager
def one_blas_thread() -> Iterator[bool]:
    """Inside `with`, OpenBLAS computes on one thread; False where numpy has another BLAS, which is left as it is."""
    functions = _openblas()
    if functions is None:
        yield False
        return
    get, put = functions
    with _HOLDERS.lock:
        if _HOLDERS.n == 0:
            _HOLDERS.before = int(get())
            put(1)
        _HOLDERS.n += 1
    try:
        yield True
    finally:
        with _HOLDERS.lock:
            _HOLDERS.n -= 1
            if _HOLDERS.n == 0:
                put(_HOLDERS.before)


def _openblas() -> Optional[tuple[Any, Any]]:
    """What tells and sets the threads of numpy's OpenBLAS, found among the libraries it is bound to."""
    module = sys.modules.get("numpy.linalg._umath_linalg")
    path = getattr(module, "__file__", None)
    if path is None:
        return None
    try:
        library = ctypes.CDLL(path)
    except OSError:
        return None
    for before, after in ((b, a) for b in ("", "scipy_") for a in ("", "64_", "_64")):
        get = getattr(library, f"{before}openblas_get_num_threads{after}", None)
        put = getattr(library, f"{before}openblas_set_num_threads{after}", None)
        if get is not None and put is not None:
            return get, put
    return None
