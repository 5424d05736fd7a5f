"""DMR++ sidecars of HDF5 files as the archive's builder writes them, and a granule laid out as the archive does.

The grammar is that of the sidecars of EMIT's V001 granules: nothing of netCDF-4's own book-keeping, text escaped
as the builder escapes it, no data of strings. `inline=True` writes what newer builders add: the values of strings
(dmrpp:vlsa) and of compact datasets (dmrpp:compact).
"""

from __future__ import annotations

import base64
import os
import random
import shutil
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Optional, Union
from xml.sax.saxutils import escape

import h5py
import numpy as np
import numpy.typing as npt

from granules import GranuleFiles

PROTECTED, PUBLIC = "lp-prod-protected", "lp-prod-public"
_TYPES = {"f4": "Float32", "f8": "Float64", "i1": "Int8", "i2": "Int16", "i4": "Int32", "i8": "Int64",
          "u1": "Byte", "u2": "UInt16", "u4": "UInt32", "u8": "UInt64"}
_FILTERS = {h5py.h5z.FILTER_SHUFFLE: "shuffle", h5py.h5z.FILTER_DEFLATE: "deflate",
            h5py.h5z.FILTER_FLETCHER32: "fletcher32", h5py.h5z.FILTER_SZIP: "szip", h5py.h5z.FILTER_LZF: "lzf"}
_BOOK_KEEPING = {"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_Netcdf4Dimid", "_Netcdf4Coordinates",
                 "_NCProperties", "_nc3_strict", "_NCCOPY"}
_BUILDER = {"build_dmrpp": "3.20.13-184", "bes": "3.20.13-184", "libdap": "libdap-3.20.11-59",
            "configuration": "\n# settings of the builder\nBES.modules=dap,cmd,h5,dmrpp\nH5.EnableCF=false\n",
            "invocation": "build_dmrpp -f {name} -u OPeNDAP_DMRpp_DATA_ACCESS_URL -M"}
_QUOTED = {'"': "&quot;"}
_LINKED_FROM = 64 * 1024**2
_BROWSE_NM, _BROWSE_LINES = (650.0, 560.0, 470.0), 256


def write_sidecar(path: Union[str, Path], *, inline: bool = False, shuffle: int = 0, name: str = "") -> bytes:
    """The sidecar of the file at `path`, as bytes of ISO-8859-1; nothing is written to disk.

    `shuffle`, a seed, changes the order of the chunks in their lists; `name` overrides the file's own.
    """
    name = name or Path(path).name
    with h5py.File(path, "r") as file:
        lines = [
            '<?xml version="1.0" encoding="ISO-8859-1"?>',
            '<Dataset xmlns="http://xml.opendap.org/ns/DAP/4.0#"'
            ' xmlns:dmrpp="http://xml.opendap.org/dap/dmrpp/1.0.0#" dapVersion="4.0" dmrVersion="1.0"'
            f' name="{_attr(name)}" dmrpp:href="OPeNDAP_DMRpp_DATA_ACCESS_URL" dmrpp:version="3.20.13-184">',
            *_indented(_Writer(inline, shuffle).group(file, _builder_lines(name))),
            "</Dataset>", ""]
    return "\n".join(lines).encode("latin-1", "xmlcharrefreplace")


class _Writer:
    def __init__(self, inline: bool, shuffle: int) -> None:
        self._inline, self._shuffle = inline, shuffle

    def group(self, group: h5py.Group, last_attributes: Sequence[str] = ()) -> Iterator[str]:
        """What a Dataset or a Group holds, in the builder's order: dimensions, variables, attributes, groups."""
        nodes = [(name, group[name]) for name in group]
        datasets = [(name, node) for name, node in nodes if isinstance(node, h5py.Dataset)]
        for name, node in datasets:
            if _is_scale(node):
                yield f'<Dimension name="{_attr(name)}" size="{node.size}"/>'
        for name, node in datasets:
            if not _is_mere_dimension(node):
                yield from self._variable(name, node)
        yield from _attributes(group)
        yield from last_attributes
        for name, node in nodes:
            if isinstance(node, h5py.Group):
                yield from _element("Group", f' name="{_attr(name)}"', self.group(node))

    def _variable(self, name: str, dataset: h5py.Dataset) -> Iterator[str]:
        inner = [*_dims(dataset), *_attributes(dataset), *self._data(dataset)]
        yield from _element(_type_of(dataset.dtype), f' name="{_attr(name)}"', inner)

    def _data(self, dataset: h5py.Dataset) -> Iterator[str]:
        if h5py.check_string_dtype(dataset.dtype) is not None:
            if self._inline:
                yield from _element("dmrpp:vlsa", "", _vlsa(dataset))
        elif dataset.id.get_create_plist().get_layout() == h5py.h5d.COMPACT:
            if self._inline:
                values = np.asarray(dataset[()], dataset.dtype)
                yield f"<dmrpp:compact>{base64.b64encode(values.tobytes()).decode()}</dmrpp:compact>"
        else:
            yield from _element("dmrpp:chunks", _storage(dataset), self._chunks(dataset))

    def _chunks(self, dataset: h5py.Dataset) -> Iterator[str]:
        if dataset.chunks is None:
            offset = dataset.id.get_offset()
            if offset is not None:  # none is stored before the first value is written
                yield f'<dmrpp:chunk offset="{offset}" nBytes="{dataset.id.get_storage_size()}"/>'
            return
        yield f"<dmrpp:chunkDimensionSizes>{' '.join(map(str, dataset.chunks))}</dmrpp:chunkDimensionSizes>"
        chunks = [dataset.id.get_chunk_info(i) for i in range(dataset.id.get_num_chunks())]
        chunks.sort(key=lambda chunk: chunk.chunk_offset)
        if self._shuffle:
            random.Random(self._shuffle).shuffle(chunks)
        for chunk in chunks:
            position = ",".join(map(str, chunk.chunk_offset))
            mask = f' fm="{chunk.filter_mask}"' if chunk.filter_mask else ""
            yield (f'<dmrpp:chunk offset="{chunk.byte_offset}" nBytes="{chunk.size}"'
                   f' chunkPositionInArray="[{position}]"{mask}/>')


def _indented(lines: Iterator[str], depth: int = 1) -> Iterator[str]:
    return ("    " * depth + line for line in lines)


def _element(tag: str, facts: str, inner: Any) -> Iterator[str]:
    inner = list(inner)
    if not inner:
        yield f"<{tag}{facts}/>"
        return
    yield f"<{tag}{facts}>"
    yield from _indented(inner)
    yield f"</{tag}>"


def _attr(text: str) -> str:
    return escape(text, _QUOTED)


def _is_scale(dataset: h5py.Dataset) -> bool:
    return dataset.attrs.get("CLASS") in (b"DIMENSION_SCALE", "DIMENSION_SCALE")


def _is_mere_dimension(dataset: h5py.Dataset) -> bool:
    name = dataset.attrs.get("NAME", b"")
    text = name.decode() if isinstance(name, bytes) else str(name)
    return _is_scale(dataset) and text.startswith("This is a netCDF dimension but not a netCDF variable")


def _dims(dataset: h5py.Dataset) -> Iterator[str]:
    for axis, size in enumerate(dataset.shape):
        scales = list(dataset.dims[axis].values()) if not _is_scale(dataset) else [dataset]
        yield f'<Dim name="{_attr(scales[0].name)}"/>' if scales else f'<Dim size="{size}"/>'


def _type_of(dtype: np.dtype) -> str:
    return "String" if h5py.check_string_dtype(dtype) is not None else _TYPES[dtype.str[1:]]


def _storage(dataset: h5py.Dataset) -> str:
    """The attributes of dmrpp:chunks: filters in the order of writing, fill value, byte order."""
    plist = dataset.id.get_create_plist()
    filters = [plist.get_filter(i)[0] for i in range(plist.get_nfilters())]
    names = " ".join(_FILTERS.get(number, str(number)) for number in filters)
    order = "BE" if dataset.dtype.newbyteorder("=") != dataset.dtype else "LE"
    return (f' compressionType="{names}"' if names else "") + (
        f' fillValue="{np.asarray(dataset.fillvalue).item():.9g}" byteOrder="{order}"')


def _attributes(node: Union[h5py.Group, h5py.Dataset]) -> Iterator[str]:
    for name in node.attrs:
        if name not in _BOOK_KEEPING:
            values, type_name = _values(node.attrs[name], node.attrs.get_id(name).dtype)
            yield from _attribute(name, type_name, values)


def _attribute(name: str, type_name: str, values: Sequence[str]) -> Iterator[str]:
    inner = [f"<Value>{escape(value, _QUOTED)}</Value>" for value in values]
    yield from _element("Attribute", f' name="{_attr(name)}" type="{type_name}"', inner)


def _values(value: Any, dtype: np.dtype) -> tuple[list[str], str]:
    if isinstance(value, h5py.Empty):
        return [""], "String"
    values = np.atleast_1d(value).ravel()
    if values.dtype.kind in "SOU":
        return [_escaped(item if isinstance(item, bytes) else str(item).encode()) for item in values], "String"
    return [_number(item) for item in values], _TYPES[dtype.str[1:]]


def _escaped(text: bytes) -> str:
    r"""As the builder writes text: backslashes doubled, a new line \n, what is not ASCII in octal, byte by byte."""
    plain = {ord("\\"): "\\\\", ord("\n"): "\\n", ord("\t"): "\\t", ord("\r"): "\\r"}
    return "".join(plain.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}") for byte in text)


def _number(value: Any) -> str:
    if value.dtype.kind != "f":
        return str(int(value))
    text = f"{value:.9g}" if value.dtype.itemsize == 4 else f"{value:.17g}"
    return text if any(mark in text for mark in ".en") else text + "."


def _vlsa(dataset: h5py.Dataset) -> Iterator[str]:
    for value, same in groupby(np.atleast_1d(dataset.asstr()[()]).ravel()):
        count = len(list(same))
        yield f'<v c="{count}">{escape(value)}</v>' if count > 1 else f"<v>{escape(value)}</v>"


def _builder_lines(name: str) -> list[str]:
    inner: list[str] = []
    for key, text in _BUILDER.items():
        inner += _attribute(key, "String", [text.format(name=name)])
    return list(_element("Attribute", ' name="build_dmrpp_metadata" type="Container"', inner))


@dataclass(frozen=True)
class Published:
    """A granule in the archive's folder; paths are relative to it, and so are they in addresses."""

    files: GranuleFiles
    """What was laid out."""
    ur: str
    """GranuleUR of the reflectance: its file name without ending."""
    rfl: str
    rfluncert: Optional[str]
    mask: Optional[str]
    sidecars: dict[str, str]
    """"RFL", "RFLUNCERT", "MASK" -> its sidecar; empty when none were asked for."""
    browse: Optional[str]

    @property
    def granules(self) -> list[dict[str, Any]]:
        """What tells its records from others: short name, version, products, browse; one, or two."""
        rooms: dict[str, list[str]] = {}
        for product, path in self.data.items():
            rooms.setdefault(path.split("/")[1], []).append(product)
        return [{"short_name": room.partition(".")[0], "version": room.partition(".")[2], "products": products,
                 "browse": self.browse is not None and "RFL" in products} for room, products in rooms.items()]

    @property
    def data(self) -> dict[str, str]:
        """"RFL", "RFLUNCERT", "MASK" -> the data file, those there are."""
        paths = {"RFL": self.rfl, "RFLUNCERT": self.rfluncert, "MASK": self.mask}
        return {product: path for product, path in paths.items() if path}


def publish(
    files: GranuleFiles, archive_folder: Union[str, Path], *, sidecars: bool = True, browse: bool = True,
    inline: bool = False,
) -> Published:
    """Lay a synthetic granule out as the archive does.

    Data files are protected, in the folder of their granule; a MASK of another version than RFL's is a granule of
    a collection of its own. The sidecar of a granule's first file lies beside it, those of its other files and the
    picture in the public folder. Small files are copied, large ones linked: replace them, do not write into them.
    """
    folder, paths, written = Path(archive_folder), {}, {}
    given = {"RFL": files.reflectance, "RFLUNCERT": files.uncertainty, "MASK": files.mask}
    rfl_room = _room("EMITL2ARFL", files.reflectance)
    for product, path in given.items():
        if path is None:
            continue
        own = product == "MASK" and _version(path) != _version(files.reflectance)
        room = _room("EMITL2AMASK", path) if own else rfl_room
        paths[product] = f"{PROTECTED}/{room}/{path.name}"
        _place(path, folder / paths[product])
        if sidecars:
            first = own or product == "RFL"
            written[product] = f"{PROTECTED if first else PUBLIC}/{room}/{path.name}.dmrpp"
            _save(folder / written[product], write_sidecar(path, inline=inline))
    picture = f"{PUBLIC}/{rfl_room}/{files.reflectance.stem}.png" if browse else None
    if picture:
        _save(folder / picture, browse_picture(files.reflectance))
    return Published(files, files.reflectance.stem, paths["RFL"], paths.get("RFLUNCERT"), paths.get("MASK"),
                     written, picture)


def _version(path: Path) -> str:
    return path.name.split("_")[3]


def _room(short_name: str, first_file: Path) -> str:
    return f"{short_name}.{_version(first_file)}/{first_file.stem}"


def _place(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    if source.stat().st_size < _LINKED_FROM:
        shutil.copyfile(source, target)
        return
    try:
        os.link(source, target)
    except OSError:  # another disk
        shutil.copyfile(source, target)


def _save(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def browse_picture(reflectance: Union[str, Path]) -> bytes:
    """A PNG of the raw swath in natural colours, thinned to at most 256 lines."""
    with h5py.File(reflectance, "r") as file:
        cube, wavelength = file["reflectance"], file["sensor_band_parameters/wavelengths"][()]
        bands = [int(np.argmin(np.abs(wavelength - nm))) for nm in _BROWSE_NM]
        step = -(-cube.shape[0] // _BROWSE_LINES)
        rgb = np.stack([cube[row][::step, bands] for row in range(0, cube.shape[0], step)])
    low, high = np.percentile(rgb[rgb > -1], (2, 98)) if (rgb > -1).any() else (0.0, 1.0)
    return png((np.clip((rgb - low) / max(high - low, 1e-9), 0, 1) * 255).astype(np.uint8))


def png(rgb: npt.NDArray[np.uint8]) -> bytes:
    """(rows, columns, 3) as a PNG."""
    rows = np.insert(rgb.reshape(len(rgb), -1), 0, 0, axis=1)  # each line begins with "no filter"

    def part(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    size = struct.pack(">IIBBBBB", rgb.shape[1], rgb.shape[0], 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (part(b"IHDR", size), part(b"IDAT", zlib.compress(rows.tobytes())), part(b"IEND", b"")))
