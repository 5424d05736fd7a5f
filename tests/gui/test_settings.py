"""What the inspector remembers: through QgsSettings and back, whatever lies there."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("qgis.core")

from pixel_spectra.adapters.settings import INSPECTOR_GROUP, load_inspector_settings, save_inspector_settings
from pixel_spectra.ui.settings import InspectorSettings
from qgis.core import QgsSettings

ALL = InspectorSettings(
    reference="", reference_file="rocks.csv", reference_name="outcrop", metric="ace", mask="cloud, AOD550<=0.3",
    thresholds={"sam": 0.1, "ace": 0.5}, mode="polygon", unit="µm", scaled=False, masked_shown=False,
    legend_shown=False, recent=("b.nc", "a.nc"), visible=True, splitter=(120, 300))  # fmt: skip


@pytest.fixture(autouse=True)
def empty(qgis_app):
    QgsSettings().remove(INSPECTOR_GROUP)
    yield
    QgsSettings().remove(INSPECTOR_GROUP)


@pytest.mark.parametrize("settings", [ALL, InspectorSettings()])
def test_all_survives_a_restart(settings):
    save_inspector_settings(settings.to_plain())
    assert InspectorSettings.from_plain(load_inspector_settings()) == settings


def test_nothing_stored_gives_the_defaults():
    assert load_inspector_settings() == {}
    settings = InspectorSettings.from_plain({})
    assert (settings.metric, settings.mask, settings.mode, settings.unit) == ("sam", "", "point", "nm")
    assert (settings.scaled, settings.visible, settings.recent) == (None, False, ())


def test_what_is_saved_replaces_what_was_there():
    save_inspector_settings({"old": 1})
    save_inspector_settings({"metric": "rmse"})
    assert load_inspector_settings() == {"metric": "rmse"}


@pytest.mark.parametrize("stored", ["{", "", None, 3, ["a", "b"]])
def test_a_stored_value_that_is_not_json_is_left_out(stored):
    save_inspector_settings({"metric": "rmse"})
    QgsSettings().setValue(f"{INSPECTOR_GROUP}/mode", stored)
    loaded = load_inspector_settings()
    assert loaded["metric"] == "rmse"
    assert InspectorSettings.from_plain(loaded).mode == "point"


@pytest.mark.parametrize(
    ("name", "nonsense"),
    [(name, nonsense)
     for name, values in {
         "reference": (None, 3, ["a"]), "reference_file": (3,), "reference_name": ({},),
         "metric": ("nonsense", None, [], 1), "mask": ("AOD550<=x", 3, None), "thresholds": (3, "a", None),
         "mode": ("selected", None, [], {}), "unit": ("km", 1), "scaled": ("yes", 1), "masked_shown": ("true", None),
         "legend_shown": (0,), "recent": ("a.nc", 3, None), "visible": ("", 2.0),
         "splitter": ([1, "a"], [-1], [float("nan")], [10**400], "12", None)}.items()
     for nonsense in values])
def test_nonsense_falls_back_to_the_default_and_leaves_the_rest(name, nonsense):
    read = InspectorSettings.from_plain({**ALL.to_plain(), name: nonsense})
    default = InspectorSettings()
    for field in ALL.to_plain():
        assert getattr(read, field) == getattr(default if field == name else ALL, field), field


@pytest.mark.parametrize("stored", [None, [], "text", 3])
def test_what_is_no_mapping_gives_the_defaults(stored):
    assert InspectorSettings.from_plain(stored) == InspectorSettings()


def test_an_unknown_name_is_passed_over():
    assert InspectorSettings.from_plain({"of a later version": 1, "metric": "sid"}).metric == "sid"


def test_a_threshold_is_kept_by_metric_and_only_as_a_number():
    stored = {"sam": 0.1, "ace": float("inf"), "rmse": "0.2", "nonsense": 1.0, "sid": True, "cem": 10**400, "ns3": 1}
    assert InspectorSettings.from_plain({"thresholds": stored}).thresholds == {"sam": 0.1, "ns3": 1.0}


def test_the_newest_of_ten_recent_files_comes_first_and_once():
    settings = InspectorSettings()
    for number in range(12):
        settings = settings.with_recent(f"{number}.nc")
    settings = settings.with_recent("5.nc")
    assert settings.recent == ("5.nc", "11.nc", "10.nc", "9.nc", "8.nc", "7.nc", "6.nc", "4.nc", "3.nc", "2.nc")


def test_what_is_not_a_path_is_dropped_from_the_recent_files():
    assert InspectorSettings.from_plain({"recent": ["a.nc", 3, None, "", "a.nc", "b.nc"]}).recent == ("a.nc", "b.nc")


@pytest.mark.parametrize("address", [
    "https://user:word@host/a.nc", "https://host/a.nc?signature=1", "/vsicurl/https://token@host/a.nc",
    "/data/https:/user:word@host/a.nc", "/vsicurl?header.X=word&url=https%3A%2F%2Fhost", "PG:host=h password=word",
    "https://host/a.nc#token"])  # fmt: skip
def test_an_address_that_may_hold_a_secret_is_never_kept(address):
    settings = InspectorSettings(reference_file=address).with_recent("https://host/b.nc").with_recent(address)
    save_inspector_settings(settings.to_plain())
    assert settings.recent == ("https://host/b.nc",)
    assert address not in json.dumps(load_inspector_settings())
