"""Endpoints of masks, their history and comments."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from ninja import Router, Status
from ninja.responses import NinjaJSONEncoder

from annotator.accounts.authentication import user_of
from annotator.annotations import schemas, selectors, services
from annotator.errors import envelope
from annotator.images.selectors import get_image
from annotator.projects.access import Right

router = Router(tags=["annotations"])


@router.get("/images/{int:image_id}/annotations", response=schemas.AnnotationList)
def list_annotations(request: HttpRequest, image_id: int, include_rejected: bool = False) -> Any:
    """Return the masks of an image, lowest first; rejected suggestions only when asked for. 304 by the ETag."""
    image = get_image(user_of(request), image_id)
    tag = selectors.tag_of_annotations(image, include_rejected=include_rejected)
    if request.headers.get("If-None-Match") == tag:
        return HttpResponse(status=304, headers={"ETag": tag})
    rows = selectors.current_annotations(image, include_rejected=include_rejected)
    annotations = [selectors.describe(row, height=image.height, width=image.width) for row in rows]
    # Straight to JSON: checking 2,000 rows of our own against the schema would cost more than reading them.
    answer = {"annotations": annotations, "server_time": timezone.now()}
    return JsonResponse(answer, encoder=NinjaJSONEncoder, headers={"ETag": tag})


@router.post("/images/{int:image_id}/operations", response={200: schemas.OperationResults, 409: dict[str, Any]})
def apply_operations(request: HttpRequest, image_id: int, body: schemas.OperationBatch) -> Any:
    """Apply operations in order. 409 when one of them was not applied; `extra.results` then tells of each."""
    image = get_image(user_of(request), image_id, right=Right.ANNOTATE)
    operations = [operation.dict(exclude_unset=True) for operation in body.operations]
    for operation in operations:
        operation.setdefault("base_revision", 0)
        operation.setdefault("fields", {})
    results = services.apply_operations(image, user_of(request), operations=operations)
    if all(result["status"] in {"applied", "duplicate"} for result in results):
        return JsonResponse({"results": results}, encoder=NinjaJSONEncoder)
    message = "Some operations were not applied."
    return JsonResponse(envelope("conflict", message, {"results": results}), encoder=NinjaJSONEncoder, status=409)


@router.get("/annotations/{uuid:annotation_id}/revisions", response=list[schemas.RevisionOut])
def list_revisions(request: HttpRequest, annotation_id: UUID) -> list[dict[str, Any]]:
    """Return the history of one mask, oldest first."""
    return selectors.list_revisions(selectors.get_annotation(user_of(request), annotation_id))


@router.get("/images/{int:image_id}/comments", response=list[schemas.CommentOut])
def list_comments(request: HttpRequest, image_id: int) -> list[dict[str, Any]]:
    """Return the comments of an image."""
    return selectors.list_comments(get_image(user_of(request), image_id))


@router.post("/images/{int:image_id}/comments", response={201: schemas.CommentOut})
def add_comment(request: HttpRequest, image_id: int, body: schemas.CommentIn) -> Status[Any]:
    """Comment on the image, on a mask or on a place."""
    image = get_image(user_of(request), image_id, right=Right.ANNOTATE)
    return Status(201, selectors.describe_comment(services.add_comment(image, user_of(request), **body.dict())))


@router.patch("/comments/{int:comment_id}", response=schemas.CommentOut)
def patch_comment(request: HttpRequest, comment_id: int, body: schemas.CommentPatch) -> dict[str, Any]:
    """Resolve a comment or open it again."""
    row = selectors.get_comment(user_of(request), comment_id)
    row = services.resolve_comment(row, user_of(request), is_resolved=body.is_resolved)
    return selectors.describe_comment(row)
