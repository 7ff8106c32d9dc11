"""Ask for everything a new image needs from the worker: preview, tiles and embedding, in this order."""

from annotator.images.models import Image, ImageStatus
from annotator.images.tasks import prepare_image
from annotator.inference.embedding_requests import request_embedding
from annotator.inference.models import ModelVersion


def request_processing(image: Image, version: ModelVersion | None) -> None:
    """Enqueue what the image still lacks; without a model the reconciler asks for the embedding later."""
    if image.status == ImageStatus.NEW:
        prepare_image.enqueue(image.pk)
    if version is not None:
        request_embedding(image.picture, version)
