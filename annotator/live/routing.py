"""WebSocket addresses."""

from typing import Any

from django.urls import path

from annotator.live.consumers import ProjectConsumer

# Channels takes ASGI applications where Django takes views.
_project_consumer: Any = ProjectConsumer.as_asgi()
websocket_urlpatterns: list[Any] = [path("ws/projects/<int:project_id>", _project_consumer)]
