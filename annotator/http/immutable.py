"""Answers for bytes that never change under their address: ETag, long private cache, no rights in the browser."""

from typing import IO
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response

from annotator.http.security_headers import MEDIA_SECURITY_POLICY
from annotator.http.streaming import stream_file

FOREVER = "private, max-age=31536000, immutable"
ASK_AGAIN = "private, no-cache"


def is_unchanged(request: HttpRequest, etag: str) -> HttpResponse | None:
    """Return a 304 when the browser has this version already."""
    response = get_conditional_response(request, etag=f'"{etag}"')
    if isinstance(response, HttpResponseNotModified):
        response["ETag"] = f'"{etag}"'
        response["Cache-Control"] = FOREVER
        return response
    return None


def send_bytes(
    request: HttpRequest, content: bytes | IO[bytes], *, content_type: str, etag: str, is_versioned: bool = True
) -> HttpResponseBase:
    """Return the bytes; `is_versioned` says whether the address names the version, so that it may be kept for ever."""
    response: HttpResponseBase
    if isinstance(content, bytes):
        response = HttpResponse(content, content_type=content_type)
    else:
        response = stream_file(request, content, content_type=content_type)
    response["ETag"] = f'"{etag}"'
    response["Cache-Control"] = FOREVER if is_versioned else ASK_AGAIN
    response["Content-Security-Policy"] = MEDIA_SECURITY_POLICY
    return response


def as_download(response: HttpResponseBase, name: str) -> HttpResponseBase:
    """Make the browser save the answer under a name, in any script."""
    plain = name.encode("ascii", "replace").decode().replace('"', "_").replace("\\", "_").replace("?", "_")
    response["Content-Disposition"] = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}"
    return response
