"""All addresses of the product."""

import importlib.util

from django.urls import include, path

from annotator.api import api
from annotator.health import health_live, health_ready

urlpatterns = [
    path("api/v1/", api.urls),
    path("health/live", health_live, name="health_live"),
    path("health/ready", health_ready, name="health_ready"),
]
if importlib.util.find_spec(
    "annotator.pages.urls" if importlib.util.find_spec("annotator.pages") else "annotator.pages"
):
    urlpatterns.append(path("", include("annotator.pages.urls")))
    handler500 = "annotator.pages.views.preferences.server_error"
