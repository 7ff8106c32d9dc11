"""Compare the rows with the files they stand for, after a restored backup or a full disk."""

from collections import Counter

from django.core.files.storage import default_storage
from django.utils.translation import gettext as _

from annotator.images.models import Image, ImageStatus
from annotator.images.tasks import prepare_image
from annotator.inference.embedding_requests import remake_embedding
from annotator.inference.models import EmbeddingStatus, ImageEmbedding
from annotator.photos import store
from annotator.row_pages import read_in_pages

PAGE = 1000


def reconcile_files() -> Counter[str]:
    """Ask again for embeddings, previews and thumbnails whose files have gone; mark images without an original."""
    found: Counter[str] = Counter()
    for row in read_in_pages(ImageEmbedding.objects.filter(status=EmbeddingStatus.READY), size=PAGE):
        if not default_storage.exists(str(row.file.name)):
            remake_embedding(row)
            found["lost_embeddings"] += 1
    for image in read_in_pages(Image.objects.exclude(status=ImageStatus.FAILED), size=PAGE):
        if not store.has(image.sha256, store.ORIGINAL):
            Image.objects.filter(pk=image.pk).update(status=ImageStatus.FAILED, error=_("The photo's file is missing."))
            found["lost_originals"] += 1
        elif not (store.has(image.picture, store.PREVIEW) and store.has(image.picture, store.THUMBNAIL)):
            prepare_image.enqueue(image.pk)
            found["lost_previews"] += 1
    return found
