"""Whole vettings, from opening the granule to a GeoPackage on the disk."""

import os
import tempfile
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"

import shapely
from measuring import answer, time_each
from pixel_spectra.core.progress import NO_PROGRESS
from pixel_spectra.core.sensors import open_granule
from pixel_spectra.core.vetting import Candidate, vet
from qgis.core import QgsApplication, QgsCoordinateReferenceSystem, QgsVectorLayer


def work(question):
    from pixel_spectra.adapters.areas import LONLAT
    from pixel_spectra.adapters.layer_output import file_output
    from pixel_spectra.adapters.vetting_layers import candidate_fields, outline_type, write_candidates

    candidates = [Candidate(str(i), area) for i, area in enumerate(shapely.from_wkt(question["outlines"]))]
    lonlat = QgsCoordinateReferenceSystem(LONLAT)

    def whole(path):
        granule = open_granule(question["path"])
        done = vet(candidates, granule, question["reference"], ring_pixels=question["ring_pixels"])
        with file_output(path, candidate_fields(), outline_type(done), lonlat) as output:
            write_candidates(done, output, NO_PROGRESS)

    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"vetted{i}.gpkg" for i in range(question["repeats"] + 1)]
        whole(paths[0])
        timing, _ = time_each(whole, paths[1:])
        n = QgsVectorLayer(str(paths[-1]), "vetted", "ogr").featureCount()
    return {"seconds": timing.seconds, "n": n}


application = QgsApplication([], False)
application.initQgis()
answer(work)
