"""The errors of Pixel Spectra. A message says what is wrong, with the value, and what to do."""

from __future__ import annotations


class PixelSpectraError(Exception):
    """Base of every error raised on purpose; its text is one sentence fit to show to a user."""


class GranuleError(PixelSpectraError):
    """A granule or one of its companions cannot be read as what it should be."""


class SourceChanged(GranuleError):
    """A file was replaced, changed or removed after it was opened."""


class ArchiveError(GranuleError):
    """The archive cannot be reached, refuses what was asked, or answers with something else."""


class NotInArchive(ArchiveError):
    """There is nothing at the address: never was, or was withdrawn."""


class SignInError(ArchiveError):
    """What was asked needs an Earthdata account that is signed in, or has accepted a licence."""


class AreaError(PixelSpectraError):
    """An area (geometry or pixel list) cannot be used, or meets no pixel."""


class MaskError(PixelSpectraError):
    """A mask is unknown, malformed, or asks for a companion that is not there."""


class LibraryError(PixelSpectraError):
    """A reference spectrum cannot be read, or does not meet the bands of the granule."""


class MetricError(PixelSpectraError):
    """A metric is unknown, or lacks what it needs."""


class OutputError(PixelSpectraError):
    """A result cannot be written."""


class MissingDependency(PixelSpectraError):
    """An optional package is needed for what was asked."""


class Cancelled(PixelSpectraError):
    """The user cancelled; nothing was left behind."""


class GranuleWarning(UserWarning):
    """A fault of a file that was mended in reading; the granule's notices say the same."""
