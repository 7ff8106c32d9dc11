"""The errors a caller of sam_core can cause. Each says what was wrong with what was given.

Must not know: torch, numpy or any other module of this package, so that everything may import it.
"""


class SamCoreError(Exception):
    """Anything that sam_core refuses on purpose; the message is fit to be shown to a person."""


class InvalidRequestError(SamCoreError):
    """A command, an option or a device that is not there."""


class InvalidPromptError(SamCoreError):
    """Points, labels, boxes or mask prompts that the model cannot take, or that belong to another embedding."""


class InvalidImageError(SamCoreError):
    """Pixels that cannot be encoded: wrong shape, wrong dtype, or so thin that nothing is left after resizing."""


class InvalidMaskError(SamCoreError):
    """A mask, run-length encoding, box or polygon that is malformed or does not fit its image."""


class CheckpointError(SamCoreError):
    """Weights that are missing, damaged, of another variant, or not what their checksum promises."""


class DownloadError(CheckpointError):
    """A download that broke off or was refused; another try, or another address, may have it."""


class ExportError(SamCoreError):
    """A graph that could not be built, or whose answers differ from torch by more than is allowed."""
