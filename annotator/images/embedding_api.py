"""The endpoint of embeddings: whoever may see an image may load what was computed of it."""

from django.core.files.storage import default_storage
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from ninja import Router

from annotator.accounts.authentication import user_of
from annotator.errors import MissingError
from annotator.http.immutable import is_unchanged, send_bytes
from annotator.images.models import Image
from annotator.inference.embedding_requests import remake_embedding
from annotator.inference.models import EmbeddingStatus, ImageEmbedding
from annotator.inference.selectors import parse_key
from annotator.projects.access import visible_projects

router = Router(tags=["inference"])


@router.get("/embeddings/{key}.npy")
def get_embedding(request: HttpRequest, key: str) -> HttpResponseBase:
    """Return an embedding of an image in one of the caller's projects."""
    parts = parse_key(key)
    if parts is None or not _may_see(request, parts[0]):
        raise MissingError(_("There is no such embedding."))
    row = ImageEmbedding.objects.filter(
        sha256=parts[0], model_version__version=parts[1], crop_box=parts[2], status=EmbeddingStatus.READY
    ).first()
    if row is None:
        raise MissingError(_("There is no such embedding."))
    if answer := is_unchanged(request, key):
        return answer
    try:
        file = default_storage.open(str(row.file.name), "rb")
    except FileNotFoundError:
        remake_embedding(row)
        raise MissingError(_("The embedding's file is missing; it is being made again.")) from None
    response = send_bytes(request, file, content_type="application/octet-stream", etag=key)
    response["Content-Length"] = str(row.byte_size)
    return response


def _may_see(request: HttpRequest, picture: str) -> bool:
    return Image.objects.filter(picture=picture, project__in=visible_projects(user_of(request))).exists()
