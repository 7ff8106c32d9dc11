"""Endpoints of the queue, the jobs and the latency meter."""

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from annotator.accounts.authentication import user_of
from annotator.engine import schemas, services
from annotator.engine.models import Job
from annotator.errors import MissingError
from annotator.images.models import Image
from annotator.images.selectors import get_image
from annotator.projects.access import Right, get_project, require_right

router = Router(tags=["queue"])


class CountOut(Schema):
    """How many were kept."""

    count: int


@router.post("/projects/{int:project_id}/next", response=schemas.NextOut)
def take_next_image(request: HttpRequest, project_id: int) -> dict[str, Any]:
    """Take the next image of the queue under a lease; asking again returns the same one until it is done."""
    project = get_project(user_of(request), project_id, right=Right.ANNOTATE)
    lease = services.take_next_image(project, user_of(request))
    return {"image_id": lease.image_id if lease else None, "lease": lease}


@router.post("/images/{int:image_id}/submit", response=schemas.WorkOut)
def submit_image(request: HttpRequest, image_id: int) -> dict[str, Any]:
    """Say that the image is annotated."""
    image = get_image(user_of(request), image_id, right=Right.ANNOTATE)
    return _work(services.submit_image(image, user_of(request)))


@router.post("/images/{int:image_id}/skip", response=schemas.WorkOut)
def skip_image(request: HttpRequest, image_id: int, body: schemas.SkipIn) -> dict[str, Any]:
    """Give the image back, with a reason."""
    image = get_image(user_of(request), image_id, right=Right.ANNOTATE)
    return _work(services.skip_image(image, user_of(request), reason=body.reason))


@router.get("/projects/{int:project_id}/jobs", response=list[schemas.JobOut])
def list_jobs(request: HttpRequest, project_id: int, kind: str = "") -> list[Job]:
    """Return the project's latest jobs, newest first, 50 at most."""
    project = get_project(user_of(request), project_id)
    jobs = Job.objects.filter(project=project)
    return list((jobs.filter(kind=kind) if kind else jobs)[:50])


@router.get("/jobs/{int:job_id}", response=schemas.JobOut)
def get_job(request: HttpRequest, job_id: int) -> Job:
    """Return one job."""
    job = Job.objects.filter(pk=job_id).first()
    if job is None:
        raise MissingError("There is no such job.")
    require_right(user_of(request), job.project_id, right=Right.VIEW)
    return job


@router.post("/latency", response=CountOut)
def record_latency(request: HttpRequest, body: schemas.LatencyBatch) -> dict[str, int]:
    """Keep latency samples of the workspace."""
    project = get_project(user_of(request), body.project_id)
    samples = [sample.dict() for sample in body.samples]
    return {"count": services.record_latency(project, user_of(request), samples=samples)}


def _work(image: Image) -> dict[str, Any]:
    return {"image_id": image.pk, "work_status": image.work_status}
