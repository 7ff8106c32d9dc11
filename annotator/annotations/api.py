"""Endpoints of masks, their history and comments."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from ninja import Router, Status
from ninja.responses import NinjaJSONEncoder

from annotator.accounts.authentication import user_of
from annotator.annotations import presence, schemas, selectors, services
from annotator.annotations.answers import (
    AnnotationList,
    CommentOut,
    DeletedList,
    OperationResult,
    OperationResults,
    RevisionOut,
    VisitorList,
)
from annotator.annotations.commands import Operation
from annotator.errors import Envelope, envelope
from annotator.images.selectors import get_image
from annotator.projects.access import Right

router = Router(tags=["annotations"])
MAX_TAB_LENGTH = 64


@router.get("/images/{int:image_id}/annotations", response=AnnotationList)
def list_annotations(request: HttpRequest, image_id: int, include_rejected: bool = False) -> HttpResponse:
    """Return the masks of an image, lowest first; rejected suggestions only when asked for. 304 by the ETag."""
    image = get_image(user_of(request), image_id)
    tag = selectors.tag_of_annotations(image, include_rejected=include_rejected)
    if request.headers.get("If-None-Match") == tag:
        return HttpResponse(status=304, headers={"ETag": tag})
    rows = selectors.current_annotations(image, include_rejected=include_rejected)
    annotations = [selectors.describe(row, height=image.height, width=image.width) for row in rows]
    # Straight to JSON: checking 2,000 rows of our own against the schema would cost more than reading them.
    answer: AnnotationList = {"annotations": annotations, "server_time": timezone.now()}
    return JsonResponse(answer, encoder=NinjaJSONEncoder, headers={"ETag": tag})


@router.get("/images/{int:image_id}/annotations/deleted", response=DeletedList)
def list_deleted(request: HttpRequest, image_id: int) -> DeletedList:
    """Return the masks that people deleted from an image, latest first; `restore` brings one back."""
    return {"annotations": selectors.deleted_annotations(get_image(user_of(request), image_id))}


@router.post("/images/{int:image_id}/operations", response={200: OperationResults, 409: Envelope})
def apply_operations(request: HttpRequest, image_id: int, body: schemas.OperationBatch) -> HttpResponse:
    """Apply operations in order. 409 when one of them was not applied; `extra.results` then tells of each."""
    image = get_image(user_of(request), image_id, right=Right.ANNOTATE)
    readable = [entry for entry in body.operations if isinstance(entry, Operation)]
    tab = request.headers.get("X-Maskwright-Tab", "")[:MAX_TAB_LENGTH]
    answers = iter(services.apply_operations(image, user_of(request), operations=readable, tab=tab))
    results = [next(answers) if isinstance(entry, Operation) else _unreadable(entry) for entry in body.operations]
    if all(result["status"] in {"applied", "duplicate"} for result in results):
        return JsonResponse({"results": results}, encoder=NinjaJSONEncoder)
    message = "Some operations were not applied."
    return JsonResponse(envelope("conflict", message, {"results": results}), encoder=NinjaJSONEncoder, status=409)


def _unreadable(entry: schemas.UnreadableOperation) -> OperationResult:
    return {
        "op_id": entry.op_id,
        "message": entry.message,
        "status": "rejected",
        "revision": None,
        "annotation": None,
        "code": "invalid",
    }


@router.post("/images/{int:image_id}/presence", response=VisitorList)
def visit_image(request: HttpRequest, image_id: int, body: schemas.VisitIn) -> VisitorList:
    """Say that the caller has the image open (or closes it), and return who else has."""
    image = get_image(user_of(request), image_id)
    if body.is_leaving:
        presence.end_visit(image, user_of(request))
        return {"people": []}
    return {"people": presence.note_visit(image, user_of(request))}


@router.get("/annotations/{uuid:annotation_id}/revisions", response=list[RevisionOut])
def list_revisions(request: HttpRequest, annotation_id: UUID) -> list[RevisionOut]:
    """Return the history of one mask, oldest first."""
    return selectors.list_revisions(selectors.get_annotation(user_of(request), annotation_id))


@router.get("/images/{int:image_id}/comments", response=list[CommentOut])
def list_comments(request: HttpRequest, image_id: int) -> list[CommentOut]:
    """Return the comments of an image."""
    return selectors.list_comments(get_image(user_of(request), image_id))


@router.post("/images/{int:image_id}/comments", response={201: CommentOut})
def add_comment(request: HttpRequest, image_id: int, body: schemas.CommentIn) -> Status[CommentOut]:
    """Comment on the image, on a mask or on a place."""
    image = get_image(user_of(request), image_id, right=Right.ANNOTATE)
    return Status(201, selectors.describe_comment(services.add_comment(image, user_of(request), **body.dict())))


@router.patch("/comments/{int:comment_id}", response=CommentOut)
def patch_comment(request: HttpRequest, comment_id: int, body: schemas.CommentPatch) -> CommentOut:
    """Resolve a comment or open it again."""
    row = selectors.get_comment(user_of(request), comment_id)
    row = services.resolve_comment(row, user_of(request), is_resolved=body.is_resolved)
    return selectors.describe_comment(row)
