"""What QGIS is told to run (`qgis --code`): the walk that WALK names."""

import os

from pictures import archive, tour
from pictures.running import run

run({"tour": tour.walk, "archive": archive.walk}[os.environ["WALK"]])
