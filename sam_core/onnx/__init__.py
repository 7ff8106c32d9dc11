"""ONNX graphs of the model: the browser's decoder, the published decoder, the encoder; each checked against torch."""

from sam_core.onnx.browser import export_browser_decoder
from sam_core.onnx.encoder import export_encoder
from sam_core.onnx.published import export_published_decoder

__all__ = ["export_browser_decoder", "export_encoder", "export_published_decoder"]
