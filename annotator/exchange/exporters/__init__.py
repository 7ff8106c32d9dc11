"""One module a format: how an image and its masks are written, and how they are read back."""

from annotator.exchange.exporters.base import Exporter
from annotator.exchange.exporters.coco import CocoExporter
from annotator.exchange.exporters.png import InstancePngExporter, SemanticPngExporter
from annotator.exchange.exporters.sa1b import Sa1bExporter
from annotator.exchange.exporters.yolo import YoloExporter

EXPORTERS: dict[str, type[Exporter]] = {
    "coco": CocoExporter,
    "sa1b": Sa1bExporter,
    "yolo": YoloExporter,
    "semantic_png": SemanticPngExporter,
    "instance_png": InstancePngExporter,
}
