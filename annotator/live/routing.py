"""WebSocket addresses."""

from typing import Any

from channels.security.websocket import WebsocketDenier
from django.urls import path, re_path

from annotator.live.consumers import ProjectConsumer

# Channels takes ASGI applications where Django takes views.
_project_consumer: Any = ProjectConsumer.as_asgi()
_denier: Any = WebsocketDenier.as_asgi()
# Any other address is refused like one of another site, not an error of the server.
websocket_urlpatterns: list[Any] = [path("ws/projects/<int:project_id>", _project_consumer), re_path("", _denier)]
