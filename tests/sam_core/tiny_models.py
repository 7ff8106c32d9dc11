"""Models of the registry whose class a test knows."""

from sam_core.modeling.sam import Sam
from sam_core.registry import MODELS, build_model


def build_sam(name: str = "sam_tiny_test") -> Sam:
    """Return a model with its weights, in eval mode."""
    model = build_model(name)
    assert isinstance(model, Sam)
    return model


def untrained_sam(name: str = "sam_tiny_test") -> Sam:
    """Return a model without weights of its own."""
    model = MODELS[name].build_untrained()
    assert isinstance(model, Sam)
    return model
