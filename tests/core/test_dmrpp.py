"""DMR++ sidecars: what they tell equals what the file itself tells, and a bad one is never believed."""

from dataclasses import fields, replace

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pixel_spectra.core.errors import ArchiveError, GranuleError, MissingDependency, SourceChanged
from pixel_spectra.core.io import dmrpp_xml, hdf5
from pixel_spectra.core.io.bytesource import FileSource
from pixel_spectra.core.io.dmrpp import read_sidecar
from pixel_spectra.core.io.hdf5 import open_structure
from pixel_spectra.core.io.storedarray import StoredArray
from pixel_spectra.core.sensors.emit.layout import read_layout

import granules
from granules import Scene
from shared_files import shared_file
from sidecars import write_sidecar

SMALL = Scene(downtrack=23, crosstrack=17, n_bands=285)
CUBE = np.arange(4 * 5 * 6, dtype="<f4").reshape(4, 5, 6)


class Published:
    """A file with a sidecar beside it, as one that is not at hand: counts what is asked of it."""

    gap = 0

    def __init__(self, path, text):
        self._file = FileSource(path)
        self.name, self.size = self._file.name, self._file.size
        self.text = text if isinstance(text, bytes) else text.encode("latin-1")
        self.opened = 0
        self.expected = []

    def sidecar(self):
        return self.text

    def open(self):
        self.opened += 1
        return self._file.open()

    def __getattr__(self, name):
        return getattr(self._file, name)

    def expect(self, ranges, lasting=False):
        self.expected.append((list(ranges), lasting))


def dataset(inside, name="x.nc", more='dmrpp:version="3.20.13"'):
    """A sidecar with the dimensions y = 4, x = 5, b = 6 and whatever stands `inside`."""
    return f"""<?xml version="1.0" encoding="ISO-8859-1"?>
<Dataset xmlns="http://xml.opendap.org/ns/DAP/4.0#" xmlns:dmrpp="http://xml.opendap.org/dap/dmrpp/1.0.0#"
 dapVersion="4.0" name="{name}" dmrpp:href="OPeNDAP_DMRpp_DATA_ACCESS_URL" {more}>
<Dimension name="y" size="4"/><Dimension name="x" size="5"/><Dimension name="b" size="6"/>
{inside}
</Dataset>"""


def cube(chunks, kind="Float32", more=""):
    """The variable "cube" with its storage."""
    return f'<{kind} name="cube"><Dim name="/y"/><Dim name="/x"/><Dim name="/b"/>{chunks}{more}</{kind}>'


def block(offset, length=480, how='byteOrder="LE" fillValue="-9999"'):
    return f'<dmrpp:chunks {how}><dmrpp:chunk offset="{offset}" nBytes="{length}"/></dmrpp:chunks>'


def tiles(listed, sizes="2 3 6", how='byteOrder="LE"'):
    return f"<dmrpp:chunks {how}><dmrpp:chunkDimensionSizes>{sizes}</dmrpp:chunkDimensionSizes>{listed}</dmrpp:chunks>"


@pytest.fixture
def file(tmp_path):
    """x.nc with "cube", contiguous, and a text variable."""
    with h5py.File(tmp_path / "x.nc", "w") as out:
        out["cube"] = CUBE
        out["cube"].attrs["units"] = np.bytes_("unitless")
        out["names"] = np.array([b"Cloud flag", b"AOD550"], dtype=h5py.string_dtype())
    return tmp_path / "x.nc"


def place(path, name="cube"):
    with h5py.File(path, "r", locking=False) as opened:
        return opened[name].id.get_offset()


def sidecar_of(path, inside):
    return read_sidecar(dataset(inside).encode(), FileSource(path))


# What a sidecar tells is what the file tells.

PRODUCTS = {
    "RFL": lambda folder: granules.write_granule(folder, SMALL, uncertainty=False, mask=None).reflectance,
    "RFL chunked": lambda folder: granules.write_granule(
        folder, SMALL, uncertainty=False, mask=None, layout="chunked").reflectance,
    "RFL with checksums": lambda folder: granules.write_granule(
        folder, SMALL, uncertainty=False, mask=None, layout="fletcher32").reflectance,
    "RFL in plain chunks": lambda folder: granules.write_granule(
        folder, SMALL, uncertainty=False, mask=None, layout="plain_chunks").reflectance,
    "RFLUNCERT V002": lambda folder: granules.write_granule(folder, SMALL, mask=None, version="V002").uncertainty,
    "MASK V001": lambda folder: granules.write_mask(folder, SMALL),
    "MASK V002": lambda folder: granules.write_mask(folder, SMALL, version="V002"),
    "RAD": lambda folder: granules.write_radiance(folder, SMALL),
    "L3": lambda folder: granules.write_gridded(folder, SMALL),
}
OF_HDF5 = {"DIMENSION_LIST", "CLASS", "NAME", "REFERENCE_LIST", "_Netcdf4Dimid", "_Netcdf4Coordinates"}
"""Attributes by which HDF5 keeps dimensions; sidecars declare these otherwise."""


@pytest.fixture(params=list(PRODUCTS), scope="module")
def product(request, tmp_path_factory):
    return PRODUCTS[request.param](tmp_path_factory.mktemp("product"))


@pytest.fixture
def both(product):
    """The structure by the sidecar, and by the header."""
    with open_structure(Published(product, write_sidecar(product))) as told, open_structure(FileSource(product)) as own:
        yield told, own


def variables(path):
    """The datasets that netCDF calls variables: not the dimensions that have no values."""
    def is_variable(item):
        return not item.attrs.get("NAME", b"").startswith(b"This is a netCDF dimension but not a netCDF variable")

    found = []
    with h5py.File(path, "r", locking=False) as opened:
        opened.visititems(lambda name, item: found.append(name)
                          if isinstance(item, h5py.Dataset) and is_variable(item) else None)
    return found


def test_every_variable_has_its_name_and_shape(product, both):
    told, own = both
    shapes = own.datasets()
    assert told.datasets() == {name: shapes[name] for name in variables(product)}
    assert "location" not in shapes and ("location" in told) == ("location" in own)
    assert "nothing" not in told


def test_every_layout_is_that_of_the_header(product, both):
    told, own = both
    for name in variables(product):
        if own.layout(name).dtype.kind in "OS":
            continue
        seen, expected = told.layout(name), own.layout(name)
        for field in fields(expected):
            assert getattr(seen, field.name) == getattr(expected, field.name), (name, field.name)
        assert type(seen.fill) is type(expected.fill)


def test_every_array_is_that_of_the_header(product, both):
    told, own = both
    for name in variables(product):
        seen, expected = told.array(name), own.array(name)
        assert seen.dtype == expected.dtype, name
        np.testing.assert_array_equal(seen, expected, err_msg=name)


def test_every_attribute_is_that_of_the_header(product, both):
    told, own = both
    for name in ["/", *variables(product)]:
        seen = told.attributes(name)
        expected = {key: value for key, value in own.attributes(name).items() if key not in OF_HDF5}
        assert seen.keys() == expected.keys(), name
        for key, value in expected.items():
            assert type(seen[key]) is type(value), (name, key)
            assert getattr(seen[key], "dtype", None) == getattr(value, "dtype", None), (name, key)
            np.testing.assert_array_equal(seen[key], value, err_msg=f"{name} {key}")


def test_a_granule_is_opened_without_any_hdf5_library(tmp_path, monkeypatch):
    path = PRODUCTS["RFL"](tmp_path)
    source = Published(path, write_sidecar(path))
    monkeypatch.setattr(hdf5, "available", lambda name: False)
    monkeypatch.delenv(hdf5.ENVIRONMENT_VARIABLE, raising=False)
    with open_structure(source) as structure:
        layout = read_layout(source, structure)
        assert structure.notices == ()
    values = layout.cube.points(np.array([3, 22]), np.array([16, 0]))
    np.testing.assert_array_equal(values, granules.expected_reflectance([3, 22], [16, 0]))
    assert source.opened == 0


class Named:
    """A file of which only the name and size are known."""

    gap = 0

    def __init__(self, name, size):
        self.name, self.size = name, size


def test_the_sidecar_of_lp_daac():
    name = "https://archive.example/EMITL2ARFL.001/EMIT_L2A_RFL_001_20230316T045133_2307503_005.nc"
    text = shared_file("emit_dmrpp/emit_l2a_rfl_sample.dmrpp").read_bytes()
    told = read_sidecar(text, Named(name, 3146828127))
    assert told.datasets()["reflectance"] == (2176, 1242, 285)
    assert told.layout("reflectance").offset == 65873247 and told.layout("reflectance").end == 3146828127
    glt = told.layout("location/glt_x")
    assert (glt.chunks, glt.filters, len(glt.index), glt.fill) == ((849, 1109), (2, 1), 9, -9999)
    assert glt.index[849, 2218].offset == 65216275
    attributes = told.attributes()
    assert attributes["geotransform"].tolist()[:2] == [146.39111738377301, 0.00054223252025636698]
    assert "52\u00b0 latitude" in attributes["summary"] and "build_dmrpp_metadata" not in attributes
    assert told.attributes("sensor_band_parameters/good_wavelengths")["_FillValue"].dtype == np.uint8
    with pytest.raises(GranuleError, match=r"'reflectance' ends at byte 3146828127 of a file of 3146828126 bytes"):
        read_sidecar(text, Named(name, 3146828126))


def test_small_variables_are_expected_together_and_to_be_kept(tmp_path):
    path = PRODUCTS["RFL"](tmp_path)
    source = Published(path, write_sidecar(path))
    parameters = ["sensor_band_parameters/" + name for name in ("wavelengths", "fwhm", "good_wavelengths")]
    with open_structure(source) as told:
        layouts = [told.layout(name) for name in parameters]
        for name in parameters:
            told.array(name)
    expected, lasting = source.expected[0]
    assert lasting and len(source.expected) == 1
    assert {(layout.offset, layout.end - layout.offset) for layout in layouts} <= set(expected)
    assert not any(length > 65536 for _, length in expected)


# How a variable can be stored.

STORAGE = {
    "contiguous": {},
    "big endian": {"dtype": ">f4"},
    "edge chunks": {"chunks": (3, 4, 4), "compression": "gzip", "shuffle": True},
    "one chunk": {"chunks": (4, 5, 6), "compression": "gzip"},
    "checksums": {"chunks": (3, 2, 6), "compression": "gzip", "shuffle": True, "fletcher32": True},
    "big endian chunks": {"chunks": (3, 4, 6), "shuffle": True, "dtype": ">i2"},
    "filter not supported": {"chunks": (3, 4, 6), "compression": "lzf"},
}


@pytest.mark.parametrize("storage", list(STORAGE))
@pytest.mark.parametrize("shuffled", [0, 7])
def test_every_storage_is_read_alike(tmp_path, storage, shuffled):
    with h5py.File(tmp_path / "x.nc", "w") as out:
        out.create_dataset("cube", data=CUBE, **STORAGE[storage])
    source = Published(tmp_path / "x.nc", write_sidecar(tmp_path / "x.nc", shuffle=shuffled))
    with open_structure(source) as told, open_structure(FileSource(tmp_path / "x.nc")) as own:
        assert told.layout("cube") == own.layout("cube")
        if "not supported" not in storage:
            np.testing.assert_array_equal(StoredArray(source, told.layout("cube")).rows(0, 4), CUBE)
        np.testing.assert_array_equal(told.array("cube"), CUBE)
        assert told.array("cube").dtype == own.array("cube").dtype
    assert (source.opened == 0) == ("not supported" not in storage)


def test_chunks_that_are_not_listed_hold_the_fill_value(tmp_path):
    with h5py.File(tmp_path / "x.nc", "w") as out:
        some = out.create_dataset("cube", (4, 5, 6), "f4", chunks=(2, 5, 6), fillvalue=-9999)
        some[2:] = 1
        out.create_dataset("never", (3,), "i2", fillvalue=-7)
        out.create_dataset("line", (7,), "i4", chunks=(3,), fillvalue=5)[:3] = 1
    source = Published(tmp_path / "x.nc", write_sidecar(tmp_path / "x.nc"))
    with open_structure(source) as told:
        assert told.array("cube")[:, 0, 0].tolist() == [-9999, -9999, 1, 1]
        assert told.layout("never").absent and told.array("never").tolist() == [-7, -7, -7]
        assert told.array("line").tolist() == [1, 1, 1, 5, 5, 5, 5]
    assert source.opened == 0


def test_scalars_and_dimensions_of_groups(tmp_path, file):
    told = sidecar_of(file, f"""
        <Float32 name="first"><dmrpp:chunks byteOrder="LE"><dmrpp:chunk offset="{place(file) + 4}" nBytes="4"/>
        </dmrpp:chunks></Float32>
        <Group name="a"><Dimension name="n" size="2"/><Group name="b">
        <Float32 name="pair"><Dim name="/a/n"/>{block(place(file) + 8, 8)}</Float32></Group></Group>""")
    assert told.array("first").shape == () and told.array("first") == 1
    assert told.array("a/b/pair").tolist() == [2, 3] and told.array("/a/b/pair").tolist() == [2, 3]
    assert "a" in told and "/a/b" in told and "b" not in told and "/" in told
    told.array("a/b/pair")[0] = 7  # a copy that may be written to


# What a sidecar leaves out is looked up in the file itself, when it is asked for and not before.

UNTOLD = {
    "compact": "<dmrpp:compact>AAAA</dmrpp:compact>",
    "missing data": "<dmrpp:missingdata>AAAA</dmrpp:missingdata>",
    "no storage": "",
    "a chunk alone": '<dmrpp:chunk offset="2048" nBytes="480"/>',
    "linked blocks": '<dmrpp:chunks byteOrder="LE"><dmrpp:block offset="2048" nBytes="480"/></dmrpp:chunks>',
    "a structure's offsets": block(2048, how='byteOrder="LE" structOffset="4 8"'),
    "fixed-length strings": block(2048) + '<dmrpp:FixedLengthStringArray string_length="8"/>',
    "two lists": block(2048) + block(4096),
    "byte order not told": block(2048, how='fillValue="-9999"'),
    "byte order unknown": block(2048, how='byteOrder="PDP"'),
    "compression unknown": block(2048, how='byteOrder="LE" compressionType="zstd"'),
    "a compressed block": block(2048, how='byteOrder="LE" compressionType="deflate"'),
    "a block of another size": block(2048, 479),
    "a fill value that is none": block(2048, how='byteOrder="LE" fillValue="x"'),
    "a fill value out of range": block(2048, how='byteOrder="LE" fillValue="1e39"'),
    "a negative offset": block(-8),
    "an offset that is none": block("NaN"),
    "an offset beyond all files": block("9" * 30),
    "another file": tiles('<dmrpp:chunk href="http://elsewhere/y" offset="2048" nBytes="144"'
                          ' chunkPositionInArray="[0,0,0]"/>'),
    "a filter mask": tiles('<dmrpp:chunk offset="2048" nBytes="144" fm="2" chunkPositionInArray="[0,0,0]"/>'),
    "a chunk off the grid": tiles('<dmrpp:chunk offset="2048" nBytes="144" chunkPositionInArray="[1,0,0]"/>'),
    "a chunk outside": tiles('<dmrpp:chunk offset="2048" nBytes="144" chunkPositionInArray="[4,0,0]"/>'),
    "a chunk of two axes": tiles('<dmrpp:chunk offset="2048" nBytes="144" chunkPositionInArray="[0,0]"/>'),
    "a chunk twice": tiles(2 * '<dmrpp:chunk offset="2048" nBytes="144" chunkPositionInArray="[0,0,0]"/>'),
    "a chunk without its place": tiles('<dmrpp:chunk offset="2048" nBytes="144"/>'),
    "an empty chunk": tiles('<dmrpp:chunk offset="2048" nBytes="0" chunkPositionInArray="[0,0,0]"/>',
                            how='byteOrder="LE" compressionType="deflate"'),
    "a plain chunk of another size": tiles('<dmrpp:chunk offset="2048" nBytes="9" chunkPositionInArray="[0,0,0]"/>'),
    "chunks of two axes": tiles("", "2 3"),
    "chunks of no length": tiles("", "2 0 6"),
    "chunks too large": tiles("", "100000 100000 6"),
}


@pytest.mark.parametrize("storage", list(UNTOLD))
def test_an_unknown_storage_is_looked_up_in_the_header(file, storage):
    source = Published(file, dataset(cube(UNTOLD[storage])))
    with open_structure(source) as told:
        assert told.datasets() == {"cube": (4, 5, 6)} and source.opened == 0
        np.testing.assert_array_equal(told.array("cube"), CUBE)
        assert told.layout("cube").offset == place(file)
        assert told.notices == ()
    assert source.opened == 1


@pytest.mark.parametrize("storage", list(UNTOLD))
def test_without_a_header_an_unknown_storage_is_an_error_for_that_variable_alone(file, storage):
    told = sidecar_of(file, cube(UNTOLD[storage]) + f'<Byte name="b"><Dim size="8"/>{block(place(file), 8)}</Byte>'
                      .replace('fillValue="-9999"', ""))
    assert told.array("b").shape == (8,)
    with pytest.raises(GranuleError, match="The sidecar of '.*' does not tell how to read 'cube' \\("):
        told.layout("cube")


def test_filters_without_a_known_order_are_not_guessed(file):
    chunk = '<dmrpp:chunk offset="2048" nBytes="9" chunkPositionInArray="[0,0,0]"/>'
    text = dataset(cube(tiles(chunk, how='byteOrder="LE" compressionType="deflate shuffle"')), more="").encode()
    with pytest.raises(GranuleError, match="the order of its filters is not told"):
        read_sidecar(text, FileSource(file)).layout("cube")


def test_texts_come_from_the_file_where_the_sidecar_has_none(file):
    source = Published(file, write_sidecar(file))
    with open_structure(source) as told:
        assert told.datasets()["names"] == (2,)
        assert told.array("names").tolist() == ["Cloud flag", "AOD550"]
        assert told.array("names").tolist() == ["Cloud flag", "AOD550"]
    assert source.opened == 1


def test_what_lies_around_the_values_is_expected_before_the_header_is_read(tmp_path):
    with h5py.File(tmp_path / "x.nc", "w") as out:
        out["cube"] = np.zeros((90000,), "f4")
        out["names"] = np.array([b"Cloud flag"], dtype=h5py.string_dtype())
    start, size = place(tmp_path / "x.nc"), (tmp_path / "x.nc").stat().st_size
    assert start < 65536 < 327680 < start + 360000 < size < 393216
    source = Published(tmp_path / "x.nc", write_sidecar(tmp_path / "x.nc"))
    with open_structure(source) as told:
        told.array("names")
        told.array("names")
    assert source.expected == [([(0, 65536), (327680, size - 327680)], True)]


def test_texts_that_the_sidecar_holds_need_no_file(file):
    source = Published(file, write_sidecar(file, inline=True))
    with open_structure(source) as told:
        assert told.array("names").tolist() == ["Cloud flag", "AOD550"]
    assert source.opened == 0
    told = sidecar_of(file, '<String name="names"><Dim size="4"/><dmrpp:vlsa><v>a</v><v c="3">b &amp; c</v>'
                            "</dmrpp:vlsa></String>")
    assert told.array("names").tolist() == ["a", "b & c", "b & c", "b & c"]


@pytest.mark.parametrize("values", ["<v>a</v>", '<v c="3">a</v>', '<v c="999999999999">a</v>',
                                    '<v s="4">eJw=</v><v>b</v>'])
def test_texts_that_are_not_as_many_are_not_believed(file, values):
    names = f'<String name="names"><Dim size="2"/><dmrpp:vlsa>{values}</dmrpp:vlsa></String>'
    source = Published(file, dataset(names))
    with open_structure(source) as told:
        assert told.array("names").tolist() == ["Cloud flag", "AOD550"]


@pytest.mark.parametrize("attribute", ['type="Float32"><Value>nothing', 'type="Byte"><Value>300',
                                       'type="Enum"><Value>1'])
def test_an_attribute_that_is_no_number_comes_from_the_file(file, attribute):
    told = f'<Attribute name="x" {attribute}</Value></Attribute>'
    source = Published(file, dataset(cube(block(place(file)), more=told)))
    with open_structure(source) as told:
        assert told.attributes("cube") == {"units": "unitless"}


def test_attributes_of_text_and_numbers(file):
    told = sidecar_of(file, r"""
        <Attribute name="title" type="String"><Value>its &lt;EMIT&gt; +/-52\302\260, \302 C:\new</Value></Attribute>
        <Attribute name="both" type="String"><Value>a</Value><Value/></Attribute>
        <Attribute name="empty" type="String"><Value/></Attribute>
        <Attribute name="range" type="Int16"><Value>-5</Value><Value>7</Value></Attribute>
        <Attribute name="open" type="Float64"><Value>nan</Value><Value>-inf</Value></Attribute>
        <Attribute name="builder" type="Container"><Attribute name="x" type="String"/></Attribute>""")
    attributes = told.attributes()
    assert attributes["title"] == "its <EMIT> +/-52\u00b0, \\302 C:\\new" and attributes["empty"] == ""
    assert attributes["both"].tolist() == ["a", ""]
    assert attributes["range"].dtype == np.int16 and attributes["range"].tolist() == [-5, 7]
    assert np.isnan(attributes["open"][0]) and attributes["open"][1] == -np.inf
    assert "builder" not in attributes


def test_what_is_not_there_is_named(file):
    with pytest.raises(GranuleError, match="x.nc' holds no 'location/glt_x'; fetch the complete granule"):
        sidecar_of(file, "").layout("location/glt_x")


def test_the_library_is_missed_only_when_it_is_needed(file, monkeypatch):
    monkeypatch.delenv(hdf5.ENVIRONMENT_VARIABLE, raising=False)
    monkeypatch.setattr(hdf5, "available", lambda name: False)
    with open_structure(Published(file, write_sidecar(file))) as told:
        np.testing.assert_array_equal(told.array("cube"), CUBE)
        with pytest.raises(MissingDependency, match="'h5py' or 'pyfive' is needed"):
            told.array("names")


# A sidecar that does not fit is left aside, and the reader is told.

DOCTYPE = '<!DOCTYPE Dataset [<!ENTITY a "aaaaaaaaaa">]>'
DEEP = "<Group name='g'>" * 40 + "</Group>" * 40
UNFIT = {
    "empty": ("", "it is no well-formed XML"),
    "a page": ("<html><body>Sign in</body></html>", "its root is 'html'"),
    "cut off": (dataset(cube(block(2048)))[:-40], "it is no well-formed XML"),
    "binary": ("\x89HDF\r\n\x1a\n", "it is no well-formed XML"),
    "entities": (dataset("").replace("<Dataset", DOCTYPE + "<Dataset"), "it declares a document type or entities"),
    "a file read in": (dataset("").replace("<Dataset", '<!DOCTYPE Dataset SYSTEM "file:///etc/passwd"><Dataset'),
                       "it declares a document type or entities"),
    "undeclared entity": (dataset("&a;"), "it is no well-formed XML"),
    "encoding": (dataset("").replace("ISO-8859-1", "utf-16"), "its encoding is 'utf-16'"),
    "nested": (dataset(DEEP), "nested more than 32 deep"),
    "attributes": (dataset("<Group name='g' " + " ".join(f"a{i}='1'" for i in range(40)) + "/>"),
                   "an element has more than 32 attributes"),
    "another file": (dataset("", name="y.nc"), "it describes 'y.nc'"),
    "data of another file": (dataset("").replace("OPeNDAP_DMRpp_DATA_ACCESS_URL", "https://a.example/y.nc?x=x.nc"),
                             "it describes 'y.nc'"),
    "no name": (dataset("", name=""), "it describes ''"),
    "undeclared dimension": (dataset('<Byte name="a"><Dim name="/z"/></Byte>'), "the dimension '/z' is not declared"),
    "a length that is none": (dataset('<Byte name="a"><Dim size="-1"/></Byte>'), "'-1' is no count"),
    "a name that is a path": (dataset('<Byte name="../a"/>'), "a Byte is named '../a'"),
    "two of a name": (dataset('<Byte name="a"/><Byte name="a"/>'), "it names 'a' twice"),
    "beyond the file": (dataset(cube(block(10**9))), "'cube' ends at byte 1000000480 of a file of"),
    "in the superblock": (dataset(cube(block(8))), "'cube' at byte 8 overlaps"),
    "overlapping": (dataset(cube(block(2048)) + cube(block(2500)).replace('"cube"', '"other"')),
                    "'other' at byte 2500 overlaps"),
}


@pytest.mark.parametrize("text, why", list(UNFIT.values()), ids=list(UNFIT))
def test_a_sidecar_that_does_not_fit_is_left_aside_with_a_notice(file, text, why):
    source = Published(file, text)
    with open_structure(source) as structure:
        np.testing.assert_array_equal(structure.array("cube"), CUBE)
        (notice,) = structure.notices
    assert notice.startswith(f"The DMR++ sidecar of '{source.name}' cannot be used: ") and why in notice
    assert notice.endswith(". The header of the file was read instead.")


@pytest.mark.parametrize("longer", [500, 3000])
def test_the_sidecar_of_an_older_build_of_the_same_name_is_left_aside(tmp_path, longer):
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    old, new = (granules.write_granule(tmp_path / name, replace(SMALL, build="010610" + "x" * n)).reflectance
                for name, n in (("old", 0), ("new", longer)))
    assert old.name == new.name
    with h5py.File(new) as file, open_structure(Published(new, write_sidecar(old))) as structure:
        assert structure.layout("reflectance").offset == file["reflectance"].id.get_offset()
        assert "by the header of the file its" in structure.notices[0]


def test_a_cube_that_ends_with_the_file_needs_no_further_look(tmp_path):
    path = tmp_path / "x.nc"
    with h5py.File(path, "w") as file:
        file.create_dataset("first", data=np.zeros(40_000))
        file.create_dataset("cube", data=np.ones((500, 400), "f4"))
    text = write_sidecar(path)
    with h5py.File(path) as file:
        cube = file["cube"].id.get_offset()
    path.write_bytes(path.read_bytes()[: cube + 800_000])
    source = Published(path, text)
    asked = []
    reading = source._file.read_ranges
    source.read_ranges = lambda ranges: asked.extend(ranges) or reading(ranges)
    read_sidecar(source.text, source).check()
    assert asked == [(0, 64 << 10)]


def test_more_elements_or_bytes_than_any_granule_has_are_refused(file, monkeypatch):
    monkeypatch.setattr(dmrpp_xml, "MOST_ELEMENTS", 20)
    with pytest.raises(GranuleError, match="it has more than 20 elements"):
        sidecar_of(file, "<Group name='g'/>" * 20)
    monkeypatch.setattr(dmrpp_xml, "MOST_BYTES", 100)
    with pytest.raises(GranuleError, match="it has [0-9]+ bytes, more than 100"):
        sidecar_of(file, "")


def test_a_name_in_an_address_is_the_name_of_the_file(file):
    text = dataset("", name="a b.nc").encode()
    assert read_sidecar(text, Named("https://archive.example/x/a%20b.nc", 5000)).datasets() == {}


def test_a_file_that_is_no_hdf5_is_refused_before_its_sidecar_is_read(tmp_path):
    (tmp_path / "x.nc").write_bytes(b"<html>sign in</html>")
    with pytest.raises(GranuleError, match="is not a netCDF-4 file"), open_structure(
            Published(tmp_path / "x.nc", dataset(""))):
        pass


@pytest.mark.parametrize("error", [ArchiveError("unreachable"), SourceChanged("was replaced")])
def test_what_goes_wrong_on_the_way_is_not_taken_for_a_bad_sidecar(file, error, monkeypatch):
    source = Published(file, write_sidecar(file))

    def fail(*given):
        raise error

    with open_structure(source) as told:
        monkeypatch.setattr(source, "read_ranges", fail)
        with pytest.raises(type(error), match=str(error)):
            told.array("cube")
        monkeypatch.setattr(source, "open", fail)
        with pytest.raises(type(error), match=str(error)):
            told.array("names")
    monkeypatch.undo()
    monkeypatch.setattr(source, "sidecar", fail)
    with pytest.raises(type(error), match=str(error)), open_structure(source):
        pass


@given(st.data())
def test_no_damage_raises_anything_but_a_granule_error(data):
    text = bytearray(HARMED)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        stop = data.draw(st.integers(start, min(start + 12, len(text))))
        text[start:stop] = data.draw(st.sampled_from([b"", b"0", b"-1", b"9" * 25, b'"', b"<", b"/", b"]", b"1e9"]))
    try:
        told = read_sidecar(bytes(text), Named("x.nc", 10**6))
    except GranuleError:
        return
    for name in told.datasets():
        for ask in (told.layout, told.attributes):
            try:
                ask(name)
            except GranuleError as error:
                assert "does not tell how to read" in str(error)


HARMED = dataset(cube(block(2048)) + '<Int32 name="t"><Dim size="5"/>' + tiles(
    '<dmrpp:chunk offset="4096" nBytes="12" chunkPositionInArray="[0]"/>'
    '<dmrpp:chunk offset="4108" nBytes="12" chunkPositionInArray="[3]"/>', "3")
    + '<Attribute name="_FillValue" type="Int32"><Value>-9999</Value></Attribute></Int32>').encode()
