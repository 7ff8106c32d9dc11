"""Deleted projects: out of reach at once, back within the days of the bin, then gone with their files."""

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.utils import timezone

from annotator.accounts.models import User
from annotator.annotations.models import Annotation
from annotator.audit.models import AuditEvent
from annotator.background.purge import purge_binned_projects
from annotator.background.reconcile import reconcile_missing
from annotator.exchange.links import make_link
from annotator.exchange.models import ExportFile, ImportRun
from annotator.images.models import Image
from annotator.images.services import add_photo
from annotator.jobs.models import Job
from annotator.projects.models import Membership, Project, Role
from annotator.queue.leases import open_lease
from annotator.queue.models import Lease, Purpose
from tests.annotator.conftest import Api, jpeg, stored_files
from tests.annotator.test_api_annotations import applied, create


def delete(api: Api, project: Project) -> None:
    assert api.post(f"/projects/{project.pk}/delete").status_code == 200


def let_days_pass(project: Project) -> None:
    Project.objects.filter(pk=project.pk).update(purge_at=timezone.now() - timedelta(seconds=1))


def test_a_deleted_project_is_out_of_everybodys_reach(
    as_admin: Api, as_annotator: Api, project: Project, image: Image
) -> None:
    root = Api(User.objects.create_superuser(username="root", password="root"))
    delete(as_admin, project)
    for api in (as_admin, as_annotator, root):
        assert api.get("/projects?include_archived=true").json() == []
        for path in (f"/projects/{project.pk}", f"/images/{image.pk}", f"/images/{image.pk}/original",
                     f"/projects/{project.pk}/audit", f"/projects/{project.pk}/exports"):  # fmt: skip
            assert api.get(path).status_code == 404, path
        assert api.post(f"/projects/{project.pk}/next").status_code == 404
        assert api.client.get(f"/projects/{project.pk}/").status_code == 404
    assert [row["id"] for row in as_admin.get("/bin").json()] == [project.pk]
    assert [row["id"] for row in root.get("/bin").json()] == [project.pk]
    assert as_annotator.get("/bin").json() == []


def test_work_ends_with_it(
    as_admin: Api, annotator: User, admin: User, project: Project, image: Image, model: Any
) -> None:
    open_lease(image, annotator, purpose=Purpose.ANNOTATE)
    job = Job.objects.create(project=project, kind="export", task="annotator.exchange.tasks.run_export")
    file = ExportFile.objects.create(project=project, name="a.json", format="coco")
    _link, token = make_link(file, admin, hours=1)
    delete(as_admin, project)
    assert not Lease.objects.living().exists()
    assert Job.objects.get(pk=job.pk).status == "cancelled"
    assert Client().get(f"/api/v1/exports/shared/{token}").status_code == 404
    found = reconcile_missing()
    assert found["requested_embeddings"] == 0
    assert found["purged_projects"] == 0


@pytest.mark.parametrize("is_archived", [False, True])
def test_it_comes_back_as_it_was(as_admin: Api, project: Project, image: Image, is_archived: bool) -> None:
    applied(as_admin, image, create())
    as_admin.patch(f"/projects/{project.pk}", {"is_archived": is_archived})
    before = as_admin.get(f"/projects/{project.pk}").json()
    delete(as_admin, project)
    assert as_admin.post(f"/bin/{project.pk}/restore").status_code == 204
    assert as_admin.get(f"/projects/{project.pk}").json() == before
    assert len(as_admin.get(f"/images/{image.pk}/annotations").json()["annotations"]) == 1
    assert as_admin.get("/bin").json() == []
    assert as_admin.post(f"/bin/{project.pk}/restore").status_code == 404
    told = [row.verb for row in AuditEvent.objects.filter(object_kind="project").order_by("pk")][-2:]
    assert told == ["project.deleted", "project.restored"]
    assert AuditEvent.objects.filter(verb="project.deleted")[0].changes["masks"] == [1, None]


def fill_with_files(project: Project) -> None:
    export = ExportFile(project=project, name="a.json", format="coco")
    export.file.save("exports/1/a.json", ContentFile(b"{}"))
    row = ImportRun(project=project, name="b.json", format="coco")
    row.file.save("imports/1/upload", ContentFile(b"{}"))


def test_after_its_days_it_goes_for_good_and_frees_its_space(
    as_admin: Api, project: Project, image: Image, admin: User, own_data_dir: Path
) -> None:
    applied(as_admin, image, create())
    other = Project.objects.create(name="Other", created_by=admin)
    shared = add_photo(other, io.BytesIO(jpeg()), name="same.jpg", user=admin).image
    add_photo(project, io.BytesIO(jpeg(seed=5)), name="own.jpg", user=admin)
    kept = {name for name in stored_files() if shared.sha256 in name}
    fill_with_files(project)
    delete(as_admin, project)
    assert purge_binned_projects() == 0
    let_days_pass(project)
    assert as_admin.post(f"/bin/{project.pk}/restore").status_code == 409
    assert purge_binned_projects() == 1
    assert not Project.objects.filter(pk=project.pk).exists()
    assert (Image.objects.count(), Annotation.objects.count()) == (1, 0)
    assert set(stored_files()) == kept != set()
    assert AuditEvent.objects.filter(project_id=project.pk).exists()


def test_it_goes_in_bounded_parts(as_admin: Api, project: Project, admin: User) -> None:
    for seed in range(3):
        add_photo(project, io.BytesIO(jpeg(seed=seed)), name=f"{seed}.jpg", user=admin)
    delete(as_admin, project)
    let_days_pass(project)
    for left in (2, 1, 0):
        assert purge_binned_projects(seconds=0) == 0
        assert Image.objects.filter(project=project).count() == left
    assert purge_binned_projects(seconds=0) == 1


def test_for_good_now(as_admin: Api, project: Project, image: Image) -> None:
    delete(as_admin, project)
    assert as_admin.delete(f"/bin/{project.pk}").status_code == 204
    assert as_admin.post(f"/bin/{project.pk}/restore").status_code == 409
    assert purge_binned_projects() == 1
    assert as_admin.delete(f"/bin/{project.pk}").status_code == 404


def test_who_may_not(
    as_admin: Api, as_reviewer: Api, as_annotator: Api, as_outsider: Api, signed_out: Api, project: Project
) -> None:
    for api, status in ((as_reviewer, 403), (as_annotator, 403), (as_outsider, 404), (signed_out, 401)):
        assert api.post(f"/projects/{project.pk}/delete").status_code == status
    delete(as_admin, project)
    for api, status in ((as_reviewer, 404), (as_annotator, 404), (as_outsider, 404), (signed_out, 401)):
        assert api.post(f"/bin/{project.pk}/restore").status_code == status
        assert api.delete(f"/bin/{project.pk}").status_code == status
    for api in (as_reviewer, as_outsider):
        for action in ("restore", "purge"):
            assert api.client.post(f"/bin/{project.pk}/{action}/").status_code == 404
    assert signed_out.client.get("/bin/").status_code == 302
    assert Project.objects.get(pk=project.pk).deleted_at is not None


def test_the_pages_say_what_goes_and_bring_it_back(as_admin: Api, project: Project, image: Image) -> None:
    applied(as_admin, image, create())
    here = f"/projects/{project.pk}/delete/"
    asked = as_admin.client.get(here).content.decode()
    assert "1 image" in asked
    assert "1 mask" in asked
    assert Project.objects.get(pk=project.pk).deleted_at is None
    bin_page = as_admin.client.post(here, follow=True).content.decode()
    assert "Street" in bin_page
    assert "Delete for good now" in bin_page
    back = as_admin.client.post(f"/bin/{project.pk}/restore/", follow=True)
    assert back.status_code == 200
    assert "as it was" in back.content.decode()
    empty = as_admin.client.get("/bin/").content.decode()
    assert "The bin is empty" in empty
    as_admin.client.post(here)
    gone = as_admin.client.post(f"/bin/{project.pk}/purge/", follow=True).content.decode()
    assert "It is being deleted for good." in gone


def test_a_reviewer_has_no_delete_page(as_reviewer: Api, as_outsider: Api, signed_out: Api, project: Project) -> None:
    here = f"/projects/{project.pk}/delete/"
    assert as_reviewer.client.get(here).status_code == 403
    assert as_outsider.client.post(here).status_code == 404
    assert signed_out.client.get(here).status_code == 302
    assert Membership.objects.filter(project=project, role=Role.ADMIN).exists()
