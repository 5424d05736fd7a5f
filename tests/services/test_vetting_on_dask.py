"""vet() on a real cluster of two worker processes: the same table, also when one of them is killed half-way."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest
from pixel_spectra.core.vetting import Candidate, vet
from pixel_spectra.core.vetting.vetting import UNIT

from vetting_side import KAOLINITE, SCENE, square, write_scene

distributed = pytest.importorskip("dask.distributed", reason="dask.distributed is not installed")

CANDIDATES = [Candidate(i, square(1 + (i * 7) % 58, 1 + (i * 11) % 42, 3)) for i in range(12 * UNIT)]


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return write_scene(tmp_path_factory.mktemp("scene"), SCENE)


@pytest.fixture(scope="module")
def whole(scene):
    return vet(CANDIDATES, scene, KAOLINITE).candidates.to_dataframe().to_csv()


@pytest.fixture
def client():
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1",
                                  dashboard_address=None, silence_logs=50) as cluster:
        with distributed.Client(cluster) as client:
            client.wait_for_workers(2, timeout=60)
            yield client


def test_the_same_table(scene, whole, client):
    done = vet(CANDIDATES, scene, KAOLINITE, executor=client)
    assert done.candidates.to_dataframe().to_csv() == whole
    assert len(client.run(os.getpid)) == 2


def test_an_executor_of_the_cluster(scene, whole, client):
    assert vet(CANDIDATES, scene, KAOLINITE, executor=client.get_executor()).candidates.to_dataframe().to_csv() == whole


def test_a_worker_is_killed_half_way(scene, whole, client, tmp_path):
    victim = sorted(client.run(os.getpid).values())[0]
    killed = threading.Event()

    class Killer:
        cancelled = False

        def report(self, fraction, message=""):
            if fraction > 0.3 and not killed.is_set():
                os.kill(victim, signal.SIGKILL)
                killed.set()

    done = vet(CANDIDATES, scene, KAOLINITE, executor=client, journal=tmp_path, progress=Killer())
    assert killed.is_set()
    assert done.candidates.to_dataframe().to_csv() == whole


def test_without_any_worker_left_the_journal_goes_on(scene, whole, client, tmp_path):
    """The run is cancelled when half is done; the rest is done by threads."""

    class Stop:
        cancelled = False

        def report(self, fraction, message=""):
            self.cancelled = fraction > 0.5

    from pixel_spectra.core.errors import Cancelled

    with pytest.raises(Cancelled):
        vet(CANDIDATES, scene, KAOLINITE, executor=client, journal=tmp_path, progress=Stop())
    time.sleep(0.1)
    done = vet(CANDIDATES, scene, KAOLINITE, journal=tmp_path)
    assert "Going on with the journal" in done.notices[0]
    assert done.candidates.to_dataframe().to_csv() == whole
