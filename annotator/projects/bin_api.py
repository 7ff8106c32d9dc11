"""Endpoints of the bin: put a project into it, take it out, delete it for good."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema, Status

from annotator.accounts.authentication import user_of
from annotator.projects.access import Right, get_project
from annotator.projects.bin import bin_project, binned_projects, get_binned, purge_project_now, restore_project
from annotator.projects.models import Project
from annotator.projects.selectors import count_contents

router = Router(tags=["projects"])


class BinnedOut(Schema):
    """A project of the bin; it goes for good at `purge_at`."""

    id: int
    name: str
    deleted_at: datetime
    purge_at: datetime


@router.get("/bin", response=list[BinnedOut])
def list_bin(request: HttpRequest) -> list[Project]:
    """Return the projects that the caller may take out of the bin, the latest first."""
    return list(binned_projects(user_of(request))[:200])


@router.post("/projects/{int:project_id}/delete", response={200: BinnedOut}, operation_id="put_project_into_bin")
def delete_project(request: HttpRequest, project_id: int) -> Any:
    """Put a project into the bin: out of everybody's reach, and after BIN_DAYS gone for good."""
    user = user_of(request)
    project = get_project(user, project_id, right=Right.MANAGE)
    bin_project(project, user, told=count_contents(project))
    return get_binned(user, project_id)


@router.post("/bin/{int:binned_id}/restore", response={204: None})
def restore(request: HttpRequest, binned_id: int) -> Status[None]:
    """Take a project out of the bin, as it was; 409 `purging` once it is being deleted for good."""
    restore_project(get_binned(user_of(request), binned_id), user_of(request))
    return Status(204, None)


@router.delete("/bin/{int:binned_id}", response={204: None})
def purge(request: HttpRequest, binned_id: int) -> Status[None]:
    """Delete a project of the bin for good, from now on and in the background."""
    purge_project_now(get_binned(user_of(request), binned_id), user_of(request))
    return Status(204, None)
