"""The structure of netCDF-4 files through both libraries, and arrays read from their bytes."""

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pixel_spectra.core.errors import GranuleError, MissingDependency, PixelSpectraError
from pixel_spectra.core.io import hdf5
from pixel_spectra.core.io.bytesource import FileSource
from pixel_spectra.core.io.hdf5 import BACKENDS, default_backend, open_structure
from pixel_spectra.core.io.storedarray import StoredArray

CUBE = np.arange(7 * 11 * 6, dtype=np.float32).reshape(7, 11, 6)
STORAGE = {
    "contiguous": {},
    "chunked": {"chunks": (3, 4, 6)},
    "band chunks": {"chunks": (3, 4, 4), "compression": "gzip", "shuffle": True},
    "not shuffled": {"chunks": (7, 2, 5), "compression": "gzip"},
    "checksum": {"chunks": (2, 5, 6), "compression": "gzip", "shuffle": True, "fletcher32": True},
    "big endian": {"chunks": (3, 4, 4), "compression": "gzip", "shuffle": True, "dtype": ">f4"},
}


@pytest.fixture(params=list(BACKENDS))
def backend(request, monkeypatch):
    pytest.importorskip(request.param)
    monkeypatch.setenv(hdf5.ENVIRONMENT_VARIABLE, request.param)
    return request.param


@pytest.fixture(params=list(STORAGE))
def stored(request, tmp_path, backend):
    path = tmp_path / "x.nc"
    with h5py.File(path, "w") as file:
        file.create_dataset("group/cube", data=CUBE, **STORAGE[request.param])
    return read(path, "group/cube")


def read(path, name, band_axis=-1):
    source = FileSource(path)
    with open_structure(source) as structure:
        return StoredArray(source, structure.layout(name), band_axis)


def test_points_are_the_numbers_written_in_the_order_asked(stored):
    rows, columns = np.array([6, 0, 6, 3, 0]), np.array([10, 0, 10, 4, 1])
    values = stored.points(rows, columns)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, CUBE[rows, columns])


def test_windows_and_rows(stored):
    np.testing.assert_array_equal(stored.window(1, 6, 2, 9), CUBE[1:6, 2:9])
    np.testing.assert_array_equal(stored.rows(4, 7), CUBE[4:7])
    assert stored.window(2, 2, 0, 3).shape == (0, 3, 6)
    assert stored.points(np.array([], int), np.array([], int)).shape == (0, 6)


@pytest.mark.parametrize("storage", ["contiguous", "band chunks"])
@given(st.data())
def test_any_points_in_any_order(storage, tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / f"{storage}.nc"
    if not path.exists():
        with h5py.File(path, "w") as file:
            file.create_dataset("cube", data=CUBE, **STORAGE[storage])
    pairs = data.draw(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 10)), min_size=1, max_size=40))
    rows, columns = np.array(pairs).T
    np.testing.assert_array_equal(read(path, "cube").points(rows, columns), CUBE[rows, columns])


@pytest.mark.parametrize("options", [{}, {"chunks": (2, 3, 4), "compression": "gzip", "shuffle": True}])
def test_a_band_first_cube_comes_band_last(tmp_path, backend, options):
    with h5py.File(tmp_path / "x.nc", "w") as file:
        file.create_dataset("cube", data=np.moveaxis(CUBE, -1, 0), **options)
    cube = read(tmp_path / "x.nc", "cube", band_axis=0)
    assert (cube.shape, cube.depth) == ((7, 11), (6,))
    np.testing.assert_array_equal(cube.points(np.array([5, 1]), np.array([3, 10])), CUBE[[5, 1], [3, 10]])
    np.testing.assert_array_equal(cube.window(1, 4, 2, 8), CUBE[1:4, 2:8])


def test_chunks_never_written_hold_the_fill_value(tmp_path, backend):
    with h5py.File(tmp_path / "x.nc", "w") as file:
        cube = file.create_dataset("cube", (7, 11, 6), np.float32, chunks=(3, 4, 6), fillvalue=-9999)
        cube[0:3, 0:4] = 1
    values = read(tmp_path / "x.nc", "cube").points(np.array([0, 6]), np.array([0, 10]))
    assert (values[0] == 1).all() and (values[1] == -9999).all()


def test_more_chunks_than_the_cache_holds(tmp_path, monkeypatch):
    from pixel_spectra.core.io import tiles

    monkeypatch.setattr(tiles, "_CACHE_BYTES", 100)
    with h5py.File(tmp_path / "x.nc", "w") as file:
        file.create_dataset("cube", data=CUBE, chunks=(2, 2, 3), compression="gzip", shuffle=True)
    cube = read(tmp_path / "x.nc", "cube")
    np.testing.assert_array_equal(cube.rows(0, 7), CUBE)
    np.testing.assert_array_equal(cube.points(np.arange(7), np.arange(7)), CUBE[np.arange(7), np.arange(7)])


def test_arrays_that_were_not_used_lately_make_room(tmp_path, monkeypatch):
    from pixel_spectra.core.io import tiles

    monkeypatch.setattr(tiles, "_ROOM", tiles.Room(3 * CUBE.nbytes))
    cubes = []
    for k in range(4):
        with h5py.File(tmp_path / f"{k}.nc", "w") as file:
            file.create_dataset("cube", data=CUBE + k, chunks=(7, 11, 6), compression="gzip")
        cubes.append(read(tmp_path / f"{k}.nc", "cube"))
        cubes[-1].rows(0, 7)
    assert [cube._reader._tiles.n_kept > 0 for cube in cubes] == [False, True, True, True]
    np.testing.assert_array_equal(cubes[0].rows(0, 7), CUBE)


def test_chunks_without_a_wanted_band_are_never_read(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "x.nc", "w") as file:
        file.create_dataset("cube", data=CUBE, chunks=(4, 4, 2), compression="gzip", shuffle=True)
    cube = read(tmp_path / "x.nc", "cube")
    third = cube.only([3])  # bands 2 and 3 share chunks
    first_bands = {key[2] for key, chunk in cube.layout.index.items()
                   if (chunk.offset, chunk.length) in third.ranges(np.arange(7), np.arange(7))}
    assert first_bands == {2}
    asked = []
    reading = FileSource.read_ranges
    monkeypatch.setattr(FileSource, "read_ranges", lambda self, some: asked.extend(some) or reading(self, some))
    np.testing.assert_array_equal(third.rows(0, 7)[..., 3], CUBE[..., 3])
    assert len(asked) == 2 * 3
    np.testing.assert_array_equal(cube.rows(0, 7), CUBE)
    assert len(asked) == 2 * 3 * 3  # what one has decoded is the other's too


def test_attributes_are_text_and_numbers(tmp_path, backend):
    with h5py.File(tmp_path / "x.nc", "w") as file:
        file.attrs["title"] = np.bytes_("EMIT")
        file.attrs["geotransform"] = np.array([1.0, 2.0])
        for k in range(40):  # so many that they are stored densely, as in real granules
            file.attrs[f"attribute_{k}"] = "x" * 200
        file["names"] = np.array([b"Cloud flag", b"AOD550"], dtype=h5py.string_dtype())
    with open_structure(FileSource(tmp_path / "x.nc")) as structure:
        attributes = structure.attributes()
        assert attributes["title"] == "EMIT" and attributes["attribute_39"] == "x" * 200
        np.testing.assert_array_equal(attributes["geotransform"], [1.0, 2.0])
        assert structure.array("names").tolist() == ["Cloud flag", "AOD550"]
        assert structure.datasets() == {"names": (2,)}


def test_an_unknown_filter_is_named(tmp_path):
    with h5py.File(tmp_path / "x.nc", "w") as file:
        file.create_dataset("cube", data=CUBE, chunks=(3, 4, 6), compression="lzf")
    with pytest.raises(GranuleError, match=r"stores 'cube' with HDF5 filter 32000.*nccopy"):
        read(tmp_path / "x.nc", "cube")


def test_a_damaged_chunk_is_named(tmp_path):
    with h5py.File(tmp_path / "x.nc", "w") as file:
        cube = file.create_dataset("cube", data=CUBE, chunks=(7, 11, 6), compression="gzip")
        where = cube.id.get_chunk_info(0).byte_offset
    with open(tmp_path / "x.nc", "r+b") as file:
        file.seek(where)
        file.write(b"\0" * 40)
    with pytest.raises(GranuleError, match="is damaged: a chunk of 'cube' at byte"):
        read(tmp_path / "x.nc", "cube").rows(0, 1)


def test_a_truncated_file_is_said_to_be_so(tmp_path, backend):
    with h5py.File(tmp_path / "x.nc", "w") as file:
        file.create_dataset("cube", data=np.zeros((50, 50, 6), np.float32))
    data = (tmp_path / "x.nc").read_bytes()
    (tmp_path / "x.nc").write_bytes(data[: len(data) // 2])
    with pytest.raises(GranuleError, match="truncated"):
        read(tmp_path / "x.nc", "cube")


@pytest.mark.parametrize(
    "content, says",
    [
        (b"", "is not a netCDF-4 file"),
        (b"hello, world", "is not a netCDF-4 file"),
        (b"CDF\x01 classic", "is a classic netCDF-3 file"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 90, "cannot be read as netCDF-4"),
    ],
)
def test_what_is_no_hdf5_is_refused(tmp_path, backend, content, says):
    (tmp_path / "x.nc").write_bytes(content)
    with pytest.raises(GranuleError, match=says), open_structure(FileSource(tmp_path / "x.nc")):
        pass


def test_the_environment_chooses_the_library(monkeypatch):
    monkeypatch.setenv("PIXEL_SPECTRA_HDF5", "pyfive")
    assert default_backend() == "pyfive"
    monkeypatch.setenv("PIXEL_SPECTRA_HDF5", "netcdf")
    with pytest.raises(PixelSpectraError, match="the known ones are: h5py, pyfive"):
        default_backend()


def test_pyfive_comes_first_in_qgis_on_windows(monkeypatch):
    pytest.importorskip("pyfive")
    monkeypatch.delenv("PIXEL_SPECTRA_HDF5", raising=False)
    assert default_backend() == "h5py"
    monkeypatch.setattr(hdf5.sys, "platform", "win32")
    monkeypatch.setitem(hdf5.sys.modules, "qgis.core", object())
    assert default_backend() == "pyfive"


def test_without_any_library_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.delenv("PIXEL_SPECTRA_HDF5", raising=False)
    monkeypatch.setattr(hdf5, "available", lambda name: False)
    with pytest.raises(MissingDependency, match="'h5py' or 'pyfive' is needed"):
        default_backend()


def test_a_checksum_that_does_not_fit_is_refused(tmp_path, backend):
    with h5py.File(tmp_path / "x.nc", "w") as file:
        cube = file.create_dataset("cube", data=CUBE, chunks=(7, 11, 6), fletcher32=True)
        where = cube.id.get_chunk_info(0).byte_offset
    with open(tmp_path / "x.nc", "r+b") as file:
        file.seek(where + 40)
        file.write(b"\x55")
    with pytest.raises(GranuleError, match="is damaged: a chunk of 'cube' .*checksum does not fit"):
        read(tmp_path / "x.nc", "cube").rows(0, 1)


def test_compact_storage(tmp_path, backend):
    small = CUBE[:3, :4, 0].copy()
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    with h5py.File(tmp_path / "x.nc", "w") as file:
        space = h5py.h5s.create_simple(small.shape)
        h5py.h5d.create(file.id, b"lat", h5py.h5t.NATIVE_FLOAT, space, plist).write(h5py.h5s.ALL, h5py.h5s.ALL, small)
    lat = read(tmp_path / "x.nc", "lat")
    np.testing.assert_array_equal(lat.rows(0, 3), small)
    np.testing.assert_array_equal(lat.points(np.array([2, 0]), np.array([3, 1])), small[[2, 0], [3, 1]])


def test_a_variable_in_other_files_is_refused_not_read_as_fill(tmp_path):
    with h5py.File(tmp_path / "source.nc", "w") as file:
        file["cube"] = CUBE
    layout = h5py.VirtualLayout(CUBE.shape, np.float32)
    layout[:] = h5py.VirtualSource(tmp_path / "source.nc", "cube", CUBE.shape)
    with h5py.File(tmp_path / "x.nc", "w") as file:
        file.create_virtual_dataset("cube", layout)
    with pytest.raises(GranuleError, match="'cube' is stored in other files"):
        read(tmp_path / "x.nc", "cube")


def test_threads_share_a_shuffled_tile(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    with h5py.File(tmp_path / "x.nc", "w") as file:
        file.create_dataset("cube", data=CUBE, chunks=(7, 11, 6), compression="gzip", shuffle=True)
    one, whole = (np.array([6]), np.array([10])), CUBE[6, 10]

    def look(k):
        cube = shared[k // 8]
        return cube.rows(0, 7)[6, 10] if k % 2 else cube.points(*one)[0]

    shared = [read(tmp_path / "x.nc", "cube") for _ in range(40)]
    with ThreadPoolExecutor(8) as pool:
        assert all((seen == whole).all() for seen in pool.map(look, range(320)))
