"""One module a format: how a file is read into categories, images and masks. Nothing here writes to the database."""

from annotator.exchange.importers.base import Reader
from annotator.exchange.importers.coco import CocoReader
from annotator.exchange.importers.png import InstancePngReader, SemanticPngReader
from annotator.exchange.importers.sa1b import Sa1bReader
from annotator.exchange.importers.yolo import YoloReader

READERS: dict[str, type[Reader]] = {
    "coco": CocoReader,
    "sa1b": Sa1bReader,
    "yolo": YoloReader,
    "semantic_png": SemanticPngReader,
    "instance_png": InstancePngReader,
}
