"""QGIS without any one of the optional packages: the plugin loads, what needs it says so, the rest works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

SINGLE = ["h5py", "pyqtgraph", "shapely", "scipy", "earthaccess", "pystac_client", "pandas", "pyarrow", "urllib3"]
OF_THE_ARCHIVE = ("search_scenes", "download_granule")
MISSING = {name: (name,) for name in SINGLE} | {"h5py and pyfive": ("h5py", "pyfive")}
CHILD = Path(__file__).with_name("without_packages.py")
OF_AREAS = ("extract_spectra", "score_spectra", "identify_spectra", "vet_candidates")
OF_FILES = ("load_granule", "quality_mask", "apply_mask.tif", "map_scores", "gas_target")
NOT_RUN = (*OF_THE_ARCHIVE, "detect_gas")
TASKS = (*OF_AREAS, *OF_FILES, "list_references", "apply_mask.nc")


@pytest.fixture(scope="module")
def without(files, areas, tmp_path_factory):
    """What the child process says, for each set of missing packages."""

    def run(packages):
        folder = tmp_path_factory.mktemp("without")
        for package in packages:
            (folder / f"{package}.py").write_text(f"raise ModuleNotFoundError(\"No module named '{package}'\", "
                                                  f"name={package!r})\n")
        path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONPATH": path, "QGIS_CUSTOM_CONFIG_PATH": str(folder / "profile")}
        done = subprocess.run([sys.executable, str(CHILD), str(files.reflectance), str(areas), str(folder)],
                              capture_output=True, text=True, env=environment, timeout=300)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.strip().splitlines()[-1])

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(MISSING, pool.map(run, MISSING.values())))


@pytest.mark.parametrize("name", MISSING)
def test_the_provider_loads_and_explains(without, name):
    said = without[name]
    assert set(said["offered"]) == {task.partition(".")[0] for task in TASKS} | set(NOT_RUN)
    assert said["helped"]


@pytest.mark.parametrize("name", [n for n in SINGLE if n not in ("shapely", "h5py", "urllib3")])
def test_nothing_here_needs_these(without, name):
    said = without[name]
    assert said["greyed"] == {}
    assert {task: said[task] for task in TASKS if said[task]} == {}


def test_without_shapely_areas_are_greyed_with_one_sentence(without):
    said = without["shapely"]
    assert set(said["greyed"]) == {*OF_AREAS, *OF_THE_ARCHIVE}
    for task in OF_AREAS:
        assert said["greyed"][task].startswith("The Python package 'shapely' is needed to turn an area into pixels")
        assert "The Python package 'shapely' is needed" in said[task]
    assert {said[task] for task in TASKS if task not in OF_AREAS} == {""}


def test_without_urllib3_only_the_archive_is_out_of_reach(without):
    said = without["urllib3"]
    assert set(said["greyed"]) == set(OF_THE_ARCHIVE)
    for sentence in said["greyed"].values():
        assert sentence.startswith("The Python package 'urllib3' is needed to read over the network")
    assert {said[task] for task in TASKS} == {""}


def test_without_h5py_only_netcdf_is_not_written(without):
    said = without["h5py"]
    assert said["greyed"] == {}
    assert "The Python package 'h5py' is needed to write" in said["apply_mask.nc"]
    assert {said[task] for task in TASKS if task != "apply_mask.nc"} == {""}


def test_without_any_hdf5_reader_granules_are_refused_with_one_sentence(without):
    said = without["h5py and pyfive"]
    for task in (*OF_AREAS, *OF_FILES):
        assert "'h5py' or 'pyfive' is needed to read netCDF-4 granules" in said[task]
