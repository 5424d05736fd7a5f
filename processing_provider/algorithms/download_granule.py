"""download_granule: whole files of NASA's archive in a folder, and used from there from then on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qgis.core import (
    QgsMapLayer,
    QgsProcessingContext,
    QgsProcessingOutputFolder,
    QgsProcessingOutputNumber,
    QgsProcessingParameterDefinition,
)

from ...adapters.archive_client import anonymous_client
from ...adapters.credentials import opener_for
from ...adapters.downloads import files_of, remember_folder
from ...adapters.feedback import FeedbackProgress
from ...adapters.granules import address_of
from ...core.archive.archives import ARCHIVES
from ...core.archive.download import Downloaded, download, name_of, particulars
from ...core.archive.scene import RemoteFile
from ...core.archive.searching import first_address
from ...core.errors import ArchiveError, PixelSpectraError
from ...core.progress import Share
from ...core.sensors import Opener
from .. import parameters as defined
from ..asked import Asked
from ..base import PixelSpectraAlgorithm


class Algorithm(PixelSpectraAlgorithm):
    """Downloads whole granules; an interrupted download goes on where it was."""

    title = "Download granule"
    topic = "Archive"
    about = ("Downloads whole files of NASA's archive, 1.8 to 3 GB a granule. To look at some spectra this is not "
             "needed: give the address of a scene as GRANULE. A download that was stopped, or broke off, goes on where "
             "it was when it is started again. Size and checksum are compared with the records of the archive; a file "
             "takes its name when it is whole, and no file that is there is overwritten. From then on Pixel Spectra "
             "reads these scenes from the folder, though their address is given. A file that fails is told in the log, "
             "and the others go on; where all fail, so does the algorithm.")
    needs = (("shapely", "to search by area"), ("urllib3", "to read over the network"))

    def parameters(self) -> tuple[QgsProcessingParameterDefinition, ...]:
        """As in the documentation."""
        return (
            defined.scenes("A layer of scenes made by 'Search scenes'; all of its features, or those selected. Give "
                           "this, an address, or both."),
            defined.text("URL", "Address", "Address (https) of one file in NASA's archive, without a signature; only "
                         "this file is downloaded, not its companions."),
            defined.scene_files(),
            defined.kept_folder("FOLDER", "Folder", "Where the files go, all of them side by side, so that MASK and "
                                "RFLUNCERT are found with their granule. It is made where it is not there."),
            defined.authcfg(),
            defined.advanced(defined.text("ENDPOINT", "Address of the catalogue", "Address (https) of another "
                                          "catalogue to ask for sizes and checksums, as in 'Search scenes'. Empty asks "
                                          "CMR, then CMR-STAC, which knows no checksums.")),
        )

    def initAlgorithm(self, configuration: Any = None) -> None:
        """Add parameters and outputs."""
        super().initAlgorithm(configuration)
        self.addOutput(QgsProcessingOutputFolder("FOLDER", "Folder"))
        self.addOutput(QgsProcessingOutputNumber("COUNT", "Files that are there"))
        self.addOutput(QgsProcessingOutputNumber("FAILED", "Files that are not"))

    def checkParameterValues(self, parameters: dict[str, Any], context: QgsProcessingContext) -> tuple[bool, str]:
        """Refuse what names no file."""
        asked = Asked(self, parameters, context)
        try:
            if not asked.given("SCENES") and not asked.given("URL"):
                raise ArchiveError("Nothing to download is given; give SCENES, the output of 'Search scenes', or URL.")
            _file_at(asked)
        except PixelSpectraError as error:
            return False, str(error)
        # a layer itself is looked at when it is read; by its id it is found only where a project holds it
        plain = {name: value for name, value in parameters.items() if not isinstance(value, QgsMapLayer)}
        return super().checkParameterValues(plain, context)

    def work(self, asked: Asked, progress: FeedbackProgress) -> dict[str, Any]:
        """One call of download()."""
        folder = Path(asked.text("FOLDER") or "").absolute()
        files = self._files(asked, progress)
        done = Downloaded()
        if files:
            remember_folder(folder)
            done = download(files, folder, self.opener.client, Share(progress, 0.05, 1.0))  # type: ignore[union-attr]
            progress.warn(done.notices)
            progress.tell(f"In '{folder}' {done.summary()}.")
        return {"FOLDER": str(folder), "COUNT": len(done), "FAILED": len(done.failures)}

    def _files(self, asked: Asked, progress: FeedbackProgress) -> list[RemoteFile]:
        """What is meant, with what the catalogue tells of it."""
        files = _file_at(asked)
        if asked.given("SCENES"):
            found, notices = files_of(asked.scenes(), "SCENES", asked.choices("FILES"))
            progress.warn(notices if found else ["The layer holds no scenes to download."])
            files = [*found, *files]
        if files:
            endpoint = asked.text("ENDPOINT")
            with anonymous_client(first_address(next(iter(ARCHIVES)), endpoint)) as client:
                files, unchecked = particulars(files, client, endpoint, Share(progress, 0.0, 0.05))
            progress.warn(unchecked)
        return files

    def _opener(self, asked: Asked) -> Opener:
        """Who is signed in: it is asked in the main thread, whatever is downloaded."""
        return opener_for(asked.text("AUTHCFG") or "")


def _file_at(asked: Asked) -> list[RemoteFile]:
    """The file of URL, if it is given. Raises ArchiveError or GranuleError for what is no address of one."""
    text = asked.text("URL")
    if text is None:
        return []
    address = address_of(text) or text
    name_of(address)
    return [RemoteFile(address)]
