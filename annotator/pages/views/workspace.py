"""The page that the annotation workspace is mounted on. What happens inside is the front end's."""

from typing import cast

from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from annotator.accounts.preferences import Theme, theme_of
from annotator.images.models import Image
from annotator.images.selectors import file_url
from annotator.inference.models import EmbeddingStatus
from annotator.inference.selectors import model_version_of, usable_embedding
from annotator.pages.access import person, project_context, project_page
from annotator.pages.workspace_config import Preferences, WorkspaceConfig, WorkspaceLabel, WorkspaceSettings
from annotator.projects.models import Project

DEFAULT_THEME: Theme = "dark"  # photos read better on it; other pages follow the system


@ensure_csrf_cookie
@project_page()
@require_safe
def workspace(request: HttpRequest, project: Project, image_id: int) -> HttpResponse:
    """Render the mount point and its configuration (docs/contracts.md, section 4)."""
    image = Image.objects.filter(project=project, pk=image_id).first()
    if image is None:
        raise Http404(_("There is no such image in this project."))
    context = project_context(request, project, section="images")
    config = make_config(request, project, image=image, role=context["role"] or "")
    early = {"calls": early_calls(image), "preview": file_url(image, "preview")}
    return render(request, "pages/workspace.html", {**context, "image": image, "config": config, "early": early})


def early_calls(image: Image) -> list[str]:
    """Return what the front end will ask for first, so that the browser asks while it still reads the scripts."""
    return [f"/api/v1/images/{image.pk}", f"/api/v1/images/{image.pk}/annotations"]


def make_config(request: HttpRequest, project: Project, *, image: Image, role: str) -> WorkspaceConfig:
    """Return what the workspace reads from #workspace-config."""
    user, version = person(request), model_version_of(project)
    usable = usable_embedding(image.picture, version)
    if usable is not None and usable.status == EmbeddingStatus.READY:
        version = usable.model_version  # of an earlier choice, while the project's is still being embedded
    labels = project.labels.values("id", "name", "color", "key", "position", "attributes")
    theme = theme_of(request) or DEFAULT_THEME
    return {
        "api": "/api/v1",
        "project_id": project.pk,
        "image_id": image.pk,
        "user": {"id": user.pk, "username": user.username, "name": user.display_name},
        "role": role,
        "labels": cast("list[WorkspaceLabel]", list(labels)),
        "project": {
            "name": project.name,
            "stage": project.stage,
            "settings": cast("WorkspaceSettings", project.settings),
            "guidelines": project.guidelines,
        },
        "model": {
            "version": version.version if version else None,
            "manifest_url": f"/api/v1/models/{version.version}/manifest.json" if version else None,
        },
        "csrf": get_token(request),
        "ws_url": f"/ws/projects/{project.pk}",
        "preferences": cast("Preferences", user.preferences),
        "locale": get_language() or "",
        "theme": theme,
    }
