"""WebSocket addresses."""

from django.urls import path

from annotator.live.consumers import ProjectConsumer

websocket_urlpatterns = [path("ws/projects/<int:project_id>", ProjectConsumer.as_asgi())]
