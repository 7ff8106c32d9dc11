"""Static files straight from their source folders: no collecting step, right types, immutable where hashed.

Source: whitenoise's middleware, whose answers are synchronous iterators; under ASGI those would be read whole.
"""

from typing import Any

from django.http import HttpRequest, StreamingHttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware

from annotator.http.streaming import stream_file


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]  # whitenoise has no types
    """whitenoise with streamed answers."""

    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> StreamingHttpResponse:
        """Answer with the file, its own headers and nothing else."""
        answer = static_file.get_response(request.method, request.META)
        if answer.file is None:
            response = StreamingHttpResponse(iter(()), status=int(answer.status))
        else:
            response = stream_file(request, answer.file)
            response.status_code = int(answer.status)
        del response["Content-Type"]
        for name, value in answer.headers:
            response[name] = value
        return response
