"""Child of test_missing_packages: run what there is in a QGIS whose path begins with a folder of broken packages.

Arguments: granule, areas, folder for outputs. Prints one JSON object.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from qgis.core import QgsApplication, QgsProcessingException

granule, areas, folder = sys.argv[1:]
application = QgsApplication([], False)
application.initQgis()
sys.path.append(str(Path(QgsApplication.pkgDataPath()) / "python" / "plugins"))

import pixel_spectra  # noqa: E402
import processing  # noqa: E402
from processing.core.Processing import Processing  # noqa: E402

Processing.initialize()
plugin = pixel_spectra.classFactory(None)
plugin.initProcessing()


def run(name, **parameters):
    """"" where it went well, else the sentence."""
    try:
        processing.run(f"pixelspectra:{name}", parameters)
    except QgsProcessingException as error:
        return str(error)
    return ""


target = Path(folder, "target.txt")
target.write_text("".join(f"{nm} {-nm / 1e4}\n" for nm in range(300, 2600, 5)))
known = {"GRANULE": granule, "AOI": areas, "REFERENCE": "calcite_ws272_asdnga"}
print(json.dumps({
    "greyed": {a.name(): a.canExecute()[1] for a in plugin.provider.algorithms() if not a.canExecute()[0]},
    "offered": [a.name() for a in plugin.provider.algorithms()],
    "helped": all(a.shortHelpString() for a in plugin.provider.algorithms()),
    "list_references": run("list_references", OUTPUT=f"{folder}/refs.gpkg", GRANULE=granule),
    "load_granule": run("load_granule", GRANULE=granule, OUTPUT=f"{folder}/scene.tif"),
    "quality_mask": run("quality_mask", GRANULE=granule, REASONS=f"{folder}/reasons.tif"),
    "apply_mask.tif": run("apply_mask", GRANULE=granule, OUTPUT=f"{folder}/masked.tif"),
    "apply_mask.nc": run("apply_mask", GRANULE=granule, OUTPUT=f"{folder}/masked.nc"),
    "map_scores": run("map_scores", GRANULE=granule, REFERENCES=known["REFERENCE"], OUTPUT=f"{folder}/map.tif"),
    "gas_target": run("gas_target", SOURCE=str(target), GRANULE=granule, OUTPUT=f"{folder}/gas.csv"),
    "extract_spectra": run("extract_spectra", GRANULE=granule, AOI=areas, OUTPUT=f"{folder}/spectra.gpkg"),
    "score_spectra": run("score_spectra", **known, METRIC="ace", OUTPUT=f"{folder}/scored.gpkg"),
    "identify_spectra": run("identify_spectra", GRANULE=granule, AOI=areas, OUTPUT=f"{folder}/names.gpkg"),
    "vet_candidates": run("vet_candidates", CANDIDATES=areas, GRANULES=granule, REFERENCE=known["REFERENCE"],
                          OUTPUT=f"{folder}/vetted.gpkg"),
}))
application.exitQgis()
