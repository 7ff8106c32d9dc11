"""The page that the annotation workspace is mounted on. What happens inside is the front end's."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from annotator.images.models import Image
from annotator.images.selectors import file_url
from annotator.inference.models import EmbeddingStatus
from annotator.inference.selectors import model_version_of, usable_embedding
from annotator.pages.access import person, project_context, project_page
from annotator.projects.models import Project


@ensure_csrf_cookie
@project_page()
@require_safe
def workspace(request: HttpRequest, project: Project, image_id: int) -> HttpResponse:
    """Render the mount point and its configuration (docs/contracts.md, section 4)."""
    image = Image.objects.filter(project=project, pk=image_id).first()
    if image is None:
        raise Http404("There is no such image in this project.")
    context = project_context(request, project, section="images")
    config = make_config(request, project, image=image, role=context["role"])
    early = {"calls": early_calls(image), "preview": file_url(image, "preview")}
    return render(request, "pages/workspace.html", {**context, "image": image, "config": config, "early": early})


def early_calls(image: Image) -> list[str]:
    """Return what the front end will ask for first, so that the browser asks while it still reads the scripts."""
    return [f"/api/v1/images/{image.pk}", f"/api/v1/images/{image.pk}/annotations"]


def make_config(request: HttpRequest, project: Project, *, image: Image, role: str) -> dict[str, Any]:
    """Return what the workspace reads from #workspace-config."""
    user, version = person(request), model_version_of(project)
    usable = usable_embedding(image.sha256, version)
    if usable is not None and usable.status == EmbeddingStatus.READY:
        version = usable.model_version  # of an earlier choice, while the project's is still being embedded
    return {
        "api": "/api/v1",
        "project_id": project.pk,
        "image_id": image.pk,
        "user": {"id": user.pk, "username": user.username, "name": user.display_name},
        "role": role,
        "labels": list(project.labels.values("id", "name", "color", "key", "position", "attributes")),
        "project": {
            "name": project.name,
            "stage": project.stage,
            "settings": project.settings,
            "guidelines": project.guidelines,
        },
        "model": {
            "version": version.version if version else None,
            "manifest_url": f"/api/v1/models/{version.version}/manifest.json" if version else None,
        },
        "csrf": get_token(request),
        "ws_url": f"/ws/projects/{project.pk}",
        "preferences": user.preferences,
    }
