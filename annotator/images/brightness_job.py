"""The job behind a change of brightness: each deep photo becomes another picture of its file, one photo a step."""

from functools import partial

from django.db import transaction

from annotator.contents.services import release_picture
from annotator.images.deep_photos import reading_for, stale_photos
from annotator.images.models import Image, ImageStatus
from annotator.images.processing_requests import request_processing
from annotator.images.unused_files import remove_unused_files
from annotator.inference.models import ModelVersion
from annotator.inference.selectors import model_version_of
from annotator.jobs import services as jobs
from annotator.jobs.models import Job
from annotator.live.hints import send_hint
from annotator.projects.models import Project
from annotator.row_pages import read_in_pages


def apply_brightness(job: Job) -> None:
    """Let every deep photo of the project be shown as the project says now; goes on where an earlier try ended."""
    version, stale = model_version_of(job.project), stale_photos(job.project)
    job.total = job.done + stale.count()
    steps = (partial(_show, image.pk, version) for image in read_in_pages(stale, size=200))
    if jobs.run_steps(job, steps):
        jobs.finish_job(job, report={"photos": job.done})


def _show(image_id: int, version: ModelVersion | None) -> None:
    with transaction.atomic():
        image = Image.objects.select_for_update(no_key=True).filter(pk=image_id).first()
        if image is None:
            return
        # As the settings say at this moment: a newer window may have come while the job was under way.
        reading = reading_for(Project.objects.only("settings").get(pk=image.project_id))
        if image.reading == reading:
            return
        before, image.reading, image.status = image.picture, reading, ImageStatus.NEW
        image.save(update_fields=["reading", "picture", "status"])
        release_picture(before)
    remove_unused_files(before)
    request_processing(image, version)
    send_hint(image.project_id, "image.changed", image_id=image.pk)
