"""The Segment Anything model as a pure library.

Knows nothing of Django, HTTP or settings and keeps no global state. Importing this package, or `sam_core.masks`,
never imports torch: web processes handle masks without paying for the model. Import what you need from the modules
themselves (`sam_core.registry`, `sam_core.predictor`, `sam_core.automatic`, ...).

Source: Kirillov et al., "Segment Anything", arXiv 2304.02643.
"""

from sam_core.errors import (
    CheckpointError,
    ExportError,
    InvalidImageError,
    InvalidMaskError,
    InvalidPromptError,
    SamCoreError,
)

__all__ = [
    "CheckpointError",
    "ExportError",
    "InvalidImageError",
    "InvalidMaskError",
    "InvalidPromptError",
    "SamCoreError",
]
