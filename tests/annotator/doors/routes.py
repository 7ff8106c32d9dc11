"""Who may use which address: every operation of the API, every page, every WebSocket.

test_every_door.py fails for an address that is not listed here, so whoever adds one says who may use it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from tests.annotator.conftest import jpeg

World = dict[str, Any]
Body = Callable[[World], Any]


class Who(IntEnum):
    """The least that somebody must be; whoever is more may as well."""

    ANYBODY = 0
    PERSON = 1  # signed in
    MEMBER = 2  # of the project that the address is about
    ANNOTATOR = 3
    REVIEWER = 4
    ADMIN = 5
    OWNER = 6  # the one person whom the thing belongs to, whatever the others are
    SERVER_ADMIN = 7  # everybody else is told that they may not, members and outsiders alike


@dataclass(frozen=True)
class Call:
    """One operation of the API, with a body that fits its schema."""

    method: str
    path: str
    who: Who
    body: Any = None
    is_for_browsers: bool = False  # a token cannot use it
    is_export: bool = False  # a token of scope "export" may use it
    form: Body | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def content(self, world: World) -> Any:
        """Return the body to send; "$name" stands for what the world has under that name."""
        return self.form(world) if self.form is not None else _fill(self.body, world)


def _fill(value: Any, world: World) -> Any:
    if isinstance(value, dict):
        return {name: _fill(entry, world) for name, entry in value.items()}
    if isinstance(value, list):
        return [_fill(entry, world) for entry in value]
    return world[value[1:]] if isinstance(value, str) and value.startswith("$") else value


def _photo(world: World) -> dict[str, Any]:
    return {"files": [SimpleUploadedFile("more.jpg", jpeg(seed=77))]}


def _coco(world: World) -> dict[str, Any]:
    content = json.dumps({"images": [], "annotations": [], "categories": []}).encode()
    return {"file": SimpleUploadedFile("masks.json", content), "options": "{}"}


OPERATION = {"op_id": "$op_id", "type": "delete", "annotation_id": "$annotation_id", "base_revision": 1}
SCORES = {"project_id": "$project_id", "samples": [{"kind": "click", "value_ms": 3.0}]}
DECISION = {"op_id": "$op_id", "state": "rejected"}

CALLS = [
    Call("GET", "/me", Who.PERSON),
    Call("PATCH", "/me/preferences", Who.PERSON, {"theme": "dark"}),
    Call("GET", "/me/tokens", Who.PERSON, is_for_browsers=True),
    Call("POST", "/me/tokens", Who.PERSON, {"name": "script"}, is_for_browsers=True),
    Call("DELETE", "/me/tokens/{token_id}", Who.OWNER, is_for_browsers=True),
    Call("POST", "/page-faults", Who.PERSON, {"kind": "error", "reason": "x"}, is_for_browsers=True),
    Call("GET", "/people", Who.SERVER_ADMIN),
    Call("POST", "/people", Who.SERVER_ADMIN, {"username": "newcomer"}),
    Call("GET", "/people/{person_id}", Who.SERVER_ADMIN),
    Call("PATCH", "/people/{person_id}", Who.SERVER_ADMIN, {"name": "Another Name"}),
    Call("PUT", "/people/{person_id}/server-admin", Who.SERVER_ADMIN, {"is_server_admin": True}, is_for_browsers=True),
    Call("POST", "/people/{person_id}/password-link", Who.SERVER_ADMIN, is_for_browsers=True),
    Call("GET", "/people/invites", Who.SERVER_ADMIN, is_for_browsers=True),
    Call("POST", "/people/invites", Who.SERVER_ADMIN, {"note": "for Kim"}, is_for_browsers=True),
    Call("DELETE", "/people/invites/{invite_id}", Who.SERVER_ADMIN, is_for_browsers=True),
    Call("GET", "/audit", Who.SERVER_ADMIN),
    Call("GET", "/audit.csv", Who.SERVER_ADMIN),
    Call("GET", "/bin", Who.PERSON),
    Call("POST", "/projects/{project_id}/delete", Who.ADMIN),
    Call("POST", "/bin/{binned_id}/restore", Who.OWNER),
    Call("DELETE", "/bin/{binned_id}", Who.OWNER),
    Call("GET", "/projects/{project_id}/audit", Who.ADMIN),
    Call("GET", "/projects/{project_id}/audit.csv", Who.ADMIN),
    Call("GET", "/projects", Who.PERSON),
    Call("POST", "/projects", Who.PERSON, {"name": "Mine"}),
    Call("GET", "/projects/{project_id}", Who.MEMBER),
    Call("PATCH", "/projects/{project_id}", Who.ADMIN, {"name": "Other"}),
    Call("DELETE", "/projects/{project_id}", Who.ADMIN),
    Call("GET", "/projects/{project_id}/labels", Who.MEMBER),
    Call("POST", "/projects/{project_id}/labels", Who.ADMIN, {"name": "Bus"}),
    Call("PATCH", "/labels/{label_id}", Who.ADMIN, {"name": "Van"}),
    Call("DELETE", "/labels/{label_id}", Who.ADMIN),
    Call("GET", "/projects/{project_id}/members", Who.MEMBER),
    Call("POST", "/projects/{project_id}/members", Who.ADMIN, {"username": "otto"}),
    Call("GET", "/projects/{project_id}/members/links", Who.ADMIN),
    Call("POST", "/projects/{project_id}/members/links", Who.ADMIN, {"role": "reviewer"}),
    Call("DELETE", "/projects/{project_id}/members/links/{project_link_id}", Who.ADMIN),
    Call("POST", "/me/projects", Who.PERSON, {"link": "$project_secret"}),
    Call("PATCH", "/members/{member_id}", Who.ADMIN, {"role": "reviewer"}),
    Call("DELETE", "/members/{member_id}", Who.ADMIN),
    Call("GET", "/projects/{project_id}/images", Who.MEMBER),
    Call("POST", "/projects/{project_id}/images", Who.ADMIN, form=_photo),
    Call("POST", "/projects/{project_id}/images/from-folder", Who.ADMIN, {"folder": "photos"}),
    Call("GET", "/projects/{project_id}/brightness", Who.MEMBER),
    Call("PUT", "/projects/{project_id}/brightness", Who.ADMIN, {"kind": "percent", "low": 1, "high": 99}),
    Call("GET", "/images/{image_id}", Who.MEMBER),
    Call("PATCH", "/images/{image_id}", Who.ADMIN, {"tags": ["night"]}),
    Call("DELETE", "/images/{image_id}", Who.ADMIN),
    Call("POST", "/images/{image_id}/retry", Who.ANNOTATOR),
    Call("POST", "/images/{image_id}/crop-embeddings", Who.ANNOTATOR, {"crop_box_xyxy": [0, 0, 40, 40]}),
    Call("GET", "/images/{image_id}/thumbnail", Who.MEMBER),
    Call("GET", "/images/{image_id}/preview", Who.MEMBER),
    Call("GET", "/images/{image_id}/tiles/{level}/{x}/{y}", Who.MEMBER),
    Call("GET", "/images/{image_id}/original", Who.MEMBER),
    Call("POST", "/images/{image_id}/decode", Who.ANNOTATOR, {"points": [{"x": 1, "y": 1, "label": 1}]}),
    Call("GET", "/models", Who.PERSON),
    Call("GET", "/models/{version}/manifest.json", Who.PERSON),
    Call("GET", "/models/{version}/{name}", Who.PERSON),
    Call("GET", "/model-versions", Who.PERSON),
    Call("GET", "/embeddings/{key}.npy", Who.MEMBER),
    Call("GET", "/images/{image_id}/annotations", Who.MEMBER),
    Call("GET", "/images/{image_id}/annotations/deleted", Who.MEMBER),
    Call("POST", "/images/{image_id}/operations", Who.ANNOTATOR, {"operations": [OPERATION]}),
    Call("POST", "/images/{image_id}/presence", Who.MEMBER, {"is_leaving": False}),
    Call("GET", "/annotations/{annotation_id}/revisions", Who.MEMBER),
    Call("GET", "/images/{image_id}/comments", Who.MEMBER),
    Call("POST", "/images/{image_id}/comments", Who.ANNOTATOR, {"body": "A remark"}),
    Call("PATCH", "/comments/{comment_id}", Who.ANNOTATOR, {"is_resolved": True}),
    Call("POST", "/projects/{project_id}/next", Who.ANNOTATOR),
    Call("POST", "/projects/{project_id}/review/next", Who.REVIEWER),
    Call("POST", "/images/{image_id}/lease", Who.ANNOTATOR),
    Call("POST", "/images/{image_id}/heartbeat", Who.ANNOTATOR),
    Call("POST", "/images/{image_id}/release", Who.ANNOTATOR),
    Call("POST", "/images/{image_id}/submit", Who.ANNOTATOR),
    Call("POST", "/images/{image_id}/skip", Who.ANNOTATOR, {"reason": "blurred"}),
    Call("POST", "/images/{image_id}/review", Who.REVIEWER, {"verdict": "accepted"}),
    Call("POST", "/images/{image_id}/reopen", Who.ADMIN),
    Call("GET", "/images/{image_id}/submissions", Who.MEMBER),
    Call("POST", "/images/{image_id}/suggestions", Who.ANNOTATOR, DECISION),
    Call("GET", "/images/{image_id}/mask-runs", Who.MEMBER),
    Call("POST", "/images/{image_id}/activity", Who.ANNOTATOR, {"active_ms": 10}),
    Call("POST", "/latency", Who.MEMBER, SCORES),
    Call("GET", "/projects/{project_id}/jobs", Who.MEMBER),
    Call("GET", "/jobs/{job_id}", Who.MEMBER),
    Call("POST", "/jobs/{job_id}/pause", Who.ADMIN),  # and whoever started it
    Call("POST", "/jobs/{job_id}/resume", Who.ADMIN),
    Call("POST", "/jobs/{job_id}/cancel", Who.ADMIN),
    Call("GET", "/projects/{project_id}/engine-settings", Who.MEMBER),
    Call("PATCH", "/projects/{project_id}/engine-settings", Who.ADMIN, {"review": {"share": 0.5}}),
    Call("POST", "/projects/{project_id}/prefill", Who.ADMIN),
    Call("POST", "/projects/{project_id}/automatic", Who.ADMIN, {"image_ids": None}),
    Call("GET", "/projects/{project_id}/dashboard", Who.ADMIN),
    Call("GET", "/projects/{project_id}/dashboard/{table}.csv", Who.ADMIN),
    Call("GET", "/projects/{project_id}/today", Who.MEMBER),
    Call("GET", "/projects/{project_id}/corrections", Who.REVIEWER),
    Call("POST", "/projects/{project_id}/corrections", Who.ADMIN, {"size": 1}),
    Call("GET", "/projects/{project_id}/model-version", Who.ADMIN),
    Call("POST", "/projects/{project_id}/model-version", Who.ADMIN, {"model_version": None}),
    Call("POST", "/projects/{project_id}/model-version/take-back", Who.ADMIN),
    Call("POST", "/projects/{project_id}/embeddings", Who.ADMIN),
    Call("GET", "/projects/{project_id}/improvements", Who.MEMBER),
    Call("POST", "/projects/{project_id}/improvements", Who.ADMIN, {"minutes": 5}),
    Call("GET", "/improvements/{improvement_id}", Who.MEMBER),
    Call("POST", "/improvements/{improvement_id}/use", Who.ADMIN),
    Call("GET", "/improvements/{improvement_id}/pictures/{picture}", Who.MEMBER),
    Call("GET", "/projects/{project_id}/improvement-settings", Who.MEMBER),
    Call("PATCH", "/projects/{project_id}/improvement-settings", Who.ADMIN, {"after_masks": 50}),
    Call("GET", "/default-model", Who.SERVER_ADMIN),
    Call("POST", "/default-model", Who.SERVER_ADMIN, {"model_version": "tiny-1"}),
    Call("POST", "/default-model/take-back", Who.SERVER_ADMIN),
    Call("POST", "/default-model/embeddings", Who.SERVER_ADMIN),
    Call("POST", "/default-model/embeddings/pause", Who.SERVER_ADMIN),
    Call("POST", "/default-model/embeddings/resume", Who.SERVER_ADMIN),
    Call("POST", "/projects/{project_id}/exports", Who.ADMIN, {"format": "coco"}, is_export=True),
    Call("POST", "/projects/{project_id}/preflight", Who.ADMIN, {"format": "coco"}, is_export=True),
    Call("GET", "/projects/{project_id}/exports", Who.ADMIN),
    Call("DELETE", "/exports/{export_id}", Who.ADMIN),
    Call("GET", "/exports/{export_id}/download", Who.ADMIN),
    Call("POST", "/exports/{export_id}/link", Who.ADMIN),
    Call("GET", "/projects/{project_id}/export-links", Who.ADMIN),
    Call("DELETE", "/export-links/{link_id}", Who.ADMIN),
    Call("GET", "/exports/shared/{token}", Who.ANYBODY),
    Call("GET", "/projects/{project_id}/datasets", Who.ADMIN),
    Call("POST", "/projects/{project_id}/datasets", Who.ADMIN, {"name": "first"}),
    Call("GET", "/projects/{project_id}/dataset-counts", Who.ADMIN),
    Call("GET", "/datasets/{dataset_id}", Who.ADMIN),
    Call("GET", "/datasets/{dataset_id}/download", Who.ADMIN),
    Call("GET", "/datasets/{dataset_id}/compare/{earlier_id}", Who.ADMIN),
    Call("DELETE", "/datasets/{dataset_id}", Who.ADMIN),
    Call("POST", "/projects/{project_id}/imports", Who.ADMIN, form=_coco),
    Call("GET", "/projects/{project_id}/imports", Who.ADMIN),
    Call("POST", "/projects/{project_id}/imports/from-folder", Who.ADMIN, {"folder": "photos"}),
    Call("GET", "/imports/{import_id}", Who.ADMIN),
    Call("DELETE", "/imports/{import_id}", Who.ADMIN),
    Call("POST", "/imports/{import_id}/preview", Who.ADMIN, {"options": {}}),
    Call("POST", "/imports/{import_id}/start", Who.ADMIN, {"options": {}}),
    Call("GET", "/imports/{import_id}/rows", Who.ADMIN),
]

# Addresses of the API that the OpenAPI description does not hold.
UNDESCRIBED = {"": Who.PERSON, "docs": Who.PERSON, "openapi.json": Who.PERSON}

EVERY_METHOD = ("get", "post", "put", "patch", "delete")
SERVER_ADMINS_FORM = {"get": Who.SERVER_ADMIN, "post": Who.SERVER_ADMIN}
ADMINS_FORM = {"get": Who.ADMIN, "post": Who.ADMIN}

# By the name of the address; methods that are not listed are answered with 405.
PAGES: dict[str, dict[str, Who]] = {
    "health_live": {"get": Who.ANYBODY},
    "health_ready": {"get": Who.ANYBODY},
    "root": dict.fromkeys(EVERY_METHOD, Who.ANYBODY),  # goes on to the projects, whatever was asked
    "login": dict.fromkeys(EVERY_METHOD, Who.ANYBODY),  # somebody signed in goes on to the projects
    "logout": {"post": Who.ANYBODY},
    "project_join": {"get": Who.PERSON, "post": Who.PERSON},
    "member_link": {"post": Who.ADMIN},
    "member_link_end": {"post": Who.ADMIN},
    "look": {"post": Who.ANYBODY},
    "words": {"get": Who.ANYBODY},
    "account": {"get": Who.PERSON},
    "account_password": {"get": Who.PERSON, "post": Who.PERSON, "put": Who.PERSON},
    "models": {"get": Who.PERSON},
    "default_model": SERVER_ADMINS_FORM,
    "embedding_space": SERVER_ADMINS_FORM,
    "project_model": {"post": Who.ADMIN},
    "model_installs": {"get": Who.SERVER_ADMIN},
    "model_install": SERVER_ADMINS_FORM,
    "oidc": {"get": Who.ANYBODY},
    "oidc_callback": {"get": Who.ANYBODY},
    "bin": {"get": Who.PERSON},
    "bin_restore": {"post": Who.OWNER},
    "bin_purge": {"post": Who.OWNER},
    "project_delete": ADMINS_FORM,
    "audit": {"get": Who.SERVER_ADMIN},
    "project_audit": {"get": Who.ADMIN},
    "join": {"get": Who.ANYBODY, "post": Who.ANYBODY},
    "people": {"get": Who.SERVER_ADMIN},
    "person_new": SERVER_ADMINS_FORM,
    "invite": SERVER_ADMINS_FORM,
    "invite_withdraw": {"post": Who.SERVER_ADMIN},
    "person": SERVER_ADMINS_FORM,
    "person_password_link": {"post": Who.SERVER_ADMIN},
    "person_active": {"post": Who.SERVER_ADMIN},
    "person_server_admin": {"post": Who.SERVER_ADMIN},
    "projects": {"get": Who.PERSON},
    "project_new": {"get": Who.PERSON, "post": Who.PERSON},
    "project": {"get": Who.MEMBER},
    "project_progress": {"get": Who.MEMBER},
    "start_annotating": {"post": Who.ANNOTATOR},
    "tag_images": {"post": Who.ADMIN},
    "images_delete": {"post": Who.ADMIN},
    "project_settings": ADMINS_FORM,
    "project_brightness": {"post": Who.ADMIN},
    "project_archive": {"post": Who.ADMIN},
    "labels": {"get": Who.MEMBER, "post": Who.ADMIN},
    "label": {"post": Who.ADMIN},
    "label_delete": {"post": Who.ADMIN},
    "members": {"get": Who.MEMBER, "post": Who.ADMIN},
    "member": {"post": Who.ADMIN},
    "member_remove": {"post": Who.ADMIN},
    "queue": {"get": Who.MEMBER, "post": Who.ADMIN},
    "review": {"get": Who.REVIEWER},
    "start_review": {"post": Who.REVIEWER},
    "decide_review": {"post": Who.REVIEWER},
    "automatic": ADMINS_FORM,
    "improve": {"get": Who.MEMBER, "post": Who.ADMIN},
    "dashboard": {"get": Who.ADMIN},
    "exports": {"get": Who.ADMIN},
    "datasets": ADMINS_FORM,
    "dataset": {"get": Who.ADMIN},
    "dataset_delete": {"post": Who.ADMIN},
    "imports": {"get": Who.ADMIN},
    "import": {"get": Who.ADMIN},
    "workspace": {"get": Who.MEMBER},
}

SOCKETS = {"ws/projects/<int:project_id>": Who.MEMBER}
