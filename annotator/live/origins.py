"""WebSockets are opened by our own pages only: a page of another site sends the person's cookies as well."""

from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings


class OwnOriginOnly:
    """Refuse a handshake whose Origin is not the address it goes to (or a trusted one: CSRF_TRUSTED_ORIGINS)."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        """Hand the connection on, or deny it."""
        inner: Any = self.application if is_own(dict(scope["headers"])) else WebsocketDenier()
        return await inner(scope, receive, send)


def is_own(headers: dict[bytes, bytes]) -> bool:
    """Say whether Origin and Host are the same place, ports included."""
    origin = headers.get(b"origin", b"").decode("latin-1")
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    parts = urlsplit(origin)
    return parts.scheme in {"http", "https"} and parts.netloc.lower() == headers.get(b"host", b"").decode().lower()
