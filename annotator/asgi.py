"""The web process: HTTP by Django, WebSockets by Channels. Never imports torch (a test holds it to that)."""

import os
from pathlib import Path

from django.conf import settings
from django.core.asgi import get_asgi_application

from annotator.environment import explain_unwritable

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "annotator.settings")
if problem := explain_unwritable(Path(settings.DATA_DIR)):
    raise SystemExit(problem)  # one sentence, not the traceback of whatever would be written first
http_application = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402  (needs the app registry)
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402

from annotator.body_rules import rule_of  # noqa: E402
from annotator.http.body_limits import LimitBodies  # noqa: E402
from annotator.live.origins import OwnOriginOnly  # noqa: E402
from annotator.live.routing import websocket_urlpatterns  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": LimitBodies(http_application, rule_of),
        "websocket": OwnOriginOnly(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
