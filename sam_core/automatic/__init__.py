"""Automatic mask generation: every mask of a photo, from a grid of points."""

from sam_core.automatic.config import AutomaticConfig
from sam_core.automatic.generator import AutomaticMaskGenerator

__all__ = ["AutomaticConfig", "AutomaticMaskGenerator"]
