"""What all algorithms share: names, help, greying, and errors shown as one sentence."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Optional

from qgis.core import (
    QgsMapLayer,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingParameterDefinition,
)
from qgis.PyQt.QtGui import QIcon

from ..adapters.credentials import opener_for
from ..adapters.feedback import FeedbackProgress
from ..adapters.granules import address_of, granule_path, granule_paths
from ..adapters.settings import apply_settings
from ..core.errors import Cancelled, PixelSpectraError
from ..core.libraries import bundled_library, choose
from ..core.metrics import METRICS
from ..core.optional import require
from ..core.progress import listening
from ..core.quality import MaskPolicy
from ..core.resampling import RESAMPLING
from ..core.scoring import BACKGROUNDS
from ..core.sensors import Granule, Opener, is_remote, open_granule
from .asked import Asked
from .icon import ICON
from .parameters import authcfg

_CHECKS: dict[str, Any] = {
    "METRIC": METRICS.__getitem__,
    "RESAMPLING": RESAMPLING.__getitem__,
    "BACKGROUND": BACKGROUNDS.__getitem__,
    "REFERENCE": lambda name: choose(bundled_library(), name),
    "MASK": MaskPolicy.parse,
    "GRANULE": address_of,
    "MASK_FILE": address_of,
    "UNCERTAINTY_FILE": address_of,
}
"""Parameter -> what raises the core's sentence for a word it does not know, or an address that holds a secret."""
_COMPANIONS = ("MASK_FILE", "UNCERTAINTY_FILE")


class PixelSpectraAlgorithm(QgsProcessingAlgorithm):
    """An algorithm is its title, its topic, its help, its parameters and :meth:`work`."""

    title = ""
    """Human name."""
    topic = ""
    """Group in the toolbox."""
    about = ""
    """What it does, for the help panel."""
    needs: tuple[tuple[str, str], ...] = ()
    """(package, purpose) without which it is greyed."""

    @abstractmethod
    def parameters(self) -> tuple[QgsProcessingParameterDefinition, ...]:
        """Its parameters, in order."""

    @abstractmethod
    def work(self, asked: Asked, progress: FeedbackProgress) -> dict[str, Any]:
        """Read parameters, make one core call, write the output; return the outputs by name."""

    def name(self) -> str:
        """The id: the name of the file."""
        return type(self).__module__.rpartition(".")[2]

    def displayName(self) -> str:
        """Human name."""
        return self.title

    def group(self) -> str:
        """Group in the toolbox."""
        return self.topic

    def groupId(self) -> str:
        """Id of the group."""
        return self.topic.lower()

    def shortHelpString(self) -> str:
        """The help panel."""
        return self.about

    def icon(self) -> QIcon:
        """The picture of the provider."""
        return QIcon(str(ICON))

    def createInstance(self) -> QgsProcessingAlgorithm:
        """A fresh one."""
        return type(self)()

    def initAlgorithm(self, configuration: Any = None) -> None:
        """Add the parameters; who reads granules may have to sign in for them."""
        for parameter in self.parameters():
            self.addParameter(parameter)
        if any(self.parameterDefinition(name) is not None for name in ("GRANULE", "GRANULES")):
            self.addParameter(authcfg())

    def canExecute(self) -> tuple[bool, str]:
        """False, with one sentence, where an optional package that it needs is missing."""
        try:
            for package, purpose in self.needs:
                require(package, purpose)
        except PixelSpectraError as error:
            return False, str(error)
        return True, ""

    def checkParameterValues(self, parameters: dict[str, Any], context: QgsProcessingContext) -> tuple[bool, str]:
        """Refuse unknown words with the sentence that lists the known ones."""
        areas = ("AOI", "CANDIDATES", "SCENES")
        plain = {name: v.id() if isinstance(v, QgsMapLayer) and name not in areas else v
                 for name, v in parameters.items()}
        asked = Asked(self, plain, context)
        try:
            for name, check in _CHECKS.items():
                if self.parameterDefinition(name) is not None and asked.given(name):
                    check(asked.text(name))
            for name in asked.choices("REFERENCES") if self.parameterDefinition("REFERENCES") is not None else ():
                choose(bundled_library(), name)
        except PixelSpectraError as error:
            return False, str(error)
        return super().checkParameterValues(plain, context)

    def prepareAlgorithm(self, parameters: dict[str, Any], context: QgsProcessingContext,
                         feedback: QgsProcessingFeedback) -> bool:
        """In the main thread, where layers may be asked: which granule is meant, and the user's settings."""
        asked = Asked(self, parameters, context)
        self.granule = ""
        self.granules: list[str] = []
        self.companions: dict[str, Optional[str]] = {}
        self.opener: Optional[Opener] = None
        try:
            apply_settings()
            if self.parameterDefinition("GRANULE") is not None and asked.given("GRANULE"):
                self.granule = granule_path(asked.source("GRANULE"), context)
            if self.parameterDefinition("GRANULES") is not None:
                self.granules = granule_paths(parameters.get("GRANULES"), context)
            for name in _COMPANIONS:
                text = asked.text(name) if self.parameterDefinition(name) is not None else None
                self.companions[name] = address_of(text or "") or text
            self.opener = self._opener(asked)
        except PixelSpectraError as error:
            raise QgsProcessingException(str(error)) from error
        return True

    def open_granule(self) -> Granule:
        """The granule that was asked for, with the companions that were."""
        mask_file, uncertainty_file = map(self.companions.get, _COMPANIONS)
        return open_granule(self.granule, mask_file, uncertainty_file, self.opener)

    def _opener(self, asked: Asked) -> Optional[Opener]:
        """What opens addresses, signed in as asked for; None where all is files."""
        paths = (self.granule, *self.granules, *self.companions.values())
        remote = asked.given("SCENES") or any(path and is_remote(path) for path in paths)
        return opener_for(asked.text("AUTHCFG") or "") if remote else None

    def processAlgorithm(self, parameters: dict[str, Any], context: QgsProcessingContext,
                         feedback: QgsProcessingFeedback) -> dict[str, Any]:
        """Do the work; what the core refuses is shown as its sentence."""
        try:
            progress = FeedbackProgress(feedback)
            with listening(progress):
                return self.work(Asked(self, parameters, context), progress)
        except Cancelled as cancelled:
            feedback.pushInfo(str(cancelled))
            return {}
        except PixelSpectraError as error:
            raise QgsProcessingException(str(error)) from error
