"""A repair for pyfive 1.0.0, the newest for numpy 1: it loses the attributes of real EMIT files.

Its fractal heap joins the blocks that are stored and forgets those that are not, so that offsets in
the heap's address space (HDF5 File Format Specification 3.0, III.G) point beside their objects.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from types import ModuleType
from typing import Any

_UNDEFINED = 2**64 - 1


def repair(pyfive: ModuleType) -> None:
    """Make the heap of an old pyfive read blocks at their addresses; later ones are left alone."""
    heap = pyfive.dataobjects.FractalHeap
    if not hasattr(heap, "_heapid_to_buffer_offset"):
        heap._iter_indirect_block = _blocks


def _blocks(heap: Any, file: Any, offset: int, n_rows: int) -> Iterator[bytes]:
    """The blocks of one indirect block in the order of their addresses; zeros for those not stored."""
    width = heap.header["table_width"]
    n_direct = min(n_rows, heap._max_direct_nrows) * width
    file.seek(offset + heap.indirect_block_header_size)
    addresses = struct.unpack(f"<{n_rows * width}Q", file.read(8 * n_rows * width))
    for i, address in enumerate(addresses):
        size = heap._calc_block_size(i)
        if address == _UNDEFINED:
            yield bytes(size)
        elif i < n_direct:
            yield heap._read_direct_block(file, address, size)
        else:
            yield from _blocks(heap, file, address, heap._iblock_nrows_from_block_size(size))
