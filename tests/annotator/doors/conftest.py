"""One project with everything in it that an address can name, and the people around it."""

import io
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from annotator.accounts.account_links import make_invite
from annotator.accounts.models import ApiToken, User
from annotator.annotations.models import Annotation, AnnotationRevision, Comment
from annotator.exchange.links import make_link
from annotator.exchange.models import ExportFile, ImportRun
from annotator.images.models import Image
from annotator.images.services import add_photo
from annotator.inference.default_model import decide_first
from annotator.inference.models import ImageEmbedding, ModelVersion
from annotator.jobs.models import Job
from annotator.projects.bin import bin_project
from annotator.projects.links import make_link as make_project_link
from annotator.projects.models import Membership, Project, Role
from annotator.projects.services import remove_member
from annotator.training.models import DatasetVersion, Improvement
from annotator.training.run_result import picture_name
from annotator.training.snapshot_content import pack
from tests.annotator.conftest import jpeg

MASK = {"counts": "0h0", "bbox_x": 0, "bbox_y": 0, "bbox_w": 1, "bbox_h": 1, "area": 1, "stage": "assisted_manual"}


def make_things(project: Project, admin: User) -> dict[str, Any]:
    """Fill a project with one of each thing; return their names in addresses."""
    photo = add_photo(project, io.BytesIO(jpeg(seed=project.pk)), name="street.jpg", user=admin).image
    Image.objects.filter(pk=photo.pk).update(width=6000, height=4000)  # large enough to have tiles
    mask = Annotation.objects.create(id=uuid.uuid4(), image=photo, author=admin, **MASK)
    AnnotationRevision.objects.create(
        annotation=mask, revision=1, op_id=uuid.uuid4(), action="create", snapshot={}, author=admin
    )
    file = ExportFile.objects.create(project=project, format="coco", name="a.json", byte_size=2, created_by=admin)
    file.file.save("exports/a.json", ContentFile(b"{}"))
    run = ImportRun.objects.create(project=project, format="coco", name="b.json", created_by=admin)
    run.file.save("imports/b.json", ContentFile(b"{}"))
    run.rows_file.save("imports/b.csv", ContentFile(b"x\n"))
    link, token = make_link(file, admin, hours=1)
    project_link, project_secret = make_project_link(project, admin, role=Role.ANNOTATOR)
    return {
        "project_id": project.pk,
        "binned_id": _binned(admin).pk,
        "label_id": project.labels.create(name="Truck", color="#123456").pk,
        "image_id": photo.pk,
        "annotation_id": str(mask.pk),
        "comment_id": Comment.objects.create(image=photo, author=admin, body="Here").pk,
        "job_id": Job.objects.create(project=project, kind="prefill", created_by=admin).pk,
        "export_id": file.pk,
        "import_id": run.pk,
        "dataset_id": _freeze(project, 2).pk,
        "earlier_id": _freeze(project, 1).pk,
        "link_id": link.pk,
        "token": token,
        "project_link_id": project_link.pk,
        "project_secret": project_secret,
        "key": _embed(photo).key,
        "improvement_id": _improve(project, photo).pk,
        "picture": "better-01.webp",
        "op_id": str(uuid.uuid4()),
    }


def _freeze(project: Project, number: int) -> DatasetVersion:
    """A dataset version without masks."""
    row = DatasetVersion(
        project=project, number=number, name=f"v{number}", byte_size=len(pack([])), digest="0" * 64,
        images=0, masks=0, trained_images=0, held_out_images=0, held_out_masks=0,
    )  # fmt: skip
    row.file.save(f"datasets/{project.pk}/{number}.jsonl.gz", ContentFile(pack([])))
    return row


def _binned(admin: User) -> Project:
    """A project that the admin has put into the bin."""
    row = Project.objects.create(name="Alleys", created_by=admin)
    row.memberships.create(user=admin, role=Role.ADMIN)
    bin_project(row, admin)
    return row


def _improve(project: Project, photo: Image) -> Improvement:
    """A run that has ended, with a picture."""
    version = ModelVersion.objects.get(version="tiny-1")
    picture = {"file": "better-01.webp", "is_better": True, "image": photo.pk, "mask": "", "before": 0.1, "after": 0.9}
    result = {"verdict": "better", "reason": "", "comparison": {}, "per_mask": [], "pictures": [picture]}
    row = Improvement.objects.create(
        project=project, number=1, parent=version, version=version, minutes=5, result=result
    )
    default_storage.save(picture_name(row.pk, "better-01.webp"), ContentFile(b"RIFF....WEBP"))
    return row


def _embed(photo: Image) -> ImageEmbedding:
    version = ModelVersion.objects.get(version="tiny-1")
    row = ImageEmbedding.objects.create(sha256=photo.picture, model_version=version, status="ready", byte_size=1)
    row.file.save(f"embeddings/{photo.pk}.npy", ContentFile(b"x"))
    return row


@pytest.fixture
def version(own_data_dir: Path, settings: Any, db: None) -> ModelVersion:
    """A model version with one file."""
    folder = own_data_dir / "models" / "tiny-1"
    folder.mkdir(parents=True)
    (folder / "first.onnx").write_bytes(b"x")
    settings.DEFAULT_MODEL = "tiny"
    manifest = {"files": [{"name": "first.onnx", "bytes": 1, "sha256": "0" * 64}]}
    row = ModelVersion.objects.create(
        name="tiny", version="tiny-1", image_size=64, embed_dim=8, weights_sha256="0" * 64, manifest=manifest
    )
    decide_first(row)
    return row


@pytest.fixture
def removed(make_user: Any, project: Project, admin: User) -> User:
    """Was an admin of the project, made things there, and is a member no more."""
    user: User = make_user("remo")
    remove_member(Membership.objects.create(project=project, user=user, role=Role.ADMIN))
    return user


@pytest.fixture
def server_admin(make_user: Any) -> User:
    """May everything, everywhere."""
    user: User = make_user("sue")
    user.is_superuser = user.is_staff = True
    user.save()
    return user


@pytest.fixture
def people(
    admin: User, reviewer: User, annotator: User, outsider: User, removed: User, server_admin: User
) -> dict[str, User]:
    """Everybody."""
    named = {"admin": admin, "reviewer": reviewer, "annotator": annotator, "outsider": outsider}
    return {**named, "removed": removed, "server_admin": server_admin}


@pytest.fixture
def world(people: dict[str, User], project: Project, version: ModelVersion, settings: Any, tmp_path: Path) -> Any:
    """The project's things by their names in addresses."""
    settings.INGEST_ROOT = tmp_path / "root"
    (tmp_path / "root" / "photos").mkdir(parents=True)
    (tmp_path / "root" / "photos" / "c.jpg").write_bytes(jpeg(seed=9))
    own = {
        "version": version.version,
        "name": "first.onnx",
        "table": "totals",
        "level": 0,
        "x": 0,
        "y": 0,
    }
    member = Membership.objects.get(project=project, user=people["annotator"])
    ids = {
        "model_name": "sam_lite",
        "member_id": member.pk,
        "token_id": ApiToken.issue(people["admin"], name="own")[0].pk,
        "person_id": people["annotator"].pk,
        "invite_id": make_invite(people["server_admin"])[0].pk,
    }
    return {**make_things(project, people["admin"]), **own, **ids}


@pytest.fixture
def ended_tokens(people: dict[str, User], make_user: Any, project: Project) -> dict[str, str]:
    """Tokens of admins of the project that must not work any more, by why."""
    closed: User = make_user("clara")
    Membership.objects.create(project=project, user=closed, role=Role.ADMIN)
    revoked, revoked_text = ApiToken.issue(people["admin"], name="revoked")
    ApiToken.objects.filter(pk=revoked.pk).update(revoked_at=timezone.now())
    past = timezone.now() - timedelta(seconds=1)
    found = {
        "revoked": revoked_text,
        "expired": ApiToken.issue(people["admin"], name="old", expires_at=past)[1],
        "deactivated": ApiToken.issue(closed, name="closed")[1],
        "unknown": "mw_nobody",
    }
    User.objects.filter(pk=closed.pk).update(is_active=False)  # past the signal: the token itself is still there
    return found
