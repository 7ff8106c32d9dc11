"""The certificate: every mask of the finished file is decoded again and compared with the stored one.

A mask that somebody changed after it was written is compared with the revision that was written, out of the history.
Must not know: how files are laid out.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from django.utils import timezone

from annotator.annotations.models import Annotation, AnnotationRevision
from annotator.exchange.base.tally import Tally
from annotator.exchange.base.writing import ReadMask, Writer
from annotator.exchange.export.mask_index import Reference
from annotator.exchange.options import ExportOptions
from annotator.mask_gateway import iou_of, measure_masks
from annotator.sam_answers import MeasuredMask

_HASH_BYTES = 1 << 20


def verify_batch(writer: Writer, read: Sequence[ReadMask], references: Sequence[Reference], tally: Tally) -> None:
    """Compare masks of the file with the stored ones, one by one, and count what came of it."""
    stored = _stored_masks(references)
    measured = measure_masks([mask.counts for mask in read], [mask.size for mask in read])
    written = []
    for mask, found, reference in zip(read, measured, references, strict=True):
        tally.masks_verified += 1
        if mask.problem or not isinstance(found, MeasuredMask):
            tally.mismatch(mask=reference[0], reason=mask.problem or str(found))
            continue
        written.append(found.counts)
        original = stored.get(reference[0])
        if original is None:
            tally.changed_meanwhile += 1
            continue
        counts, size = writer.stored_form(*original)
        _compare(writer, reference[0], found, mask.size, counts, size, tally)
    digest = hashlib.sha256(tally.masks_sha256.encode())
    digest.update("\n".join(written).encode())
    tally.masks_sha256 = digest.hexdigest()


def verify_pictures(read: Sequence[ReadMask], tally: Tally) -> None:
    """Count pictures whose pixels are not those that were painted."""
    for picture in read:
        tally.note("pictures_verified")
        if picture.problem:
            tally.mismatch(mask="", reason=picture.problem)


def make_certificate(
    tally: Tally, options: ExportOptions, *, project: str, files: list[Path], loss_words: str
) -> dict[str, object]:
    """Return the certificate that lies beside the export."""
    return {
        "maskwright_certificate": 1,
        "project": project,
        "created_at": timezone.now().isoformat(),
        "options": options.model_dump(mode="json"),
        "images": tally.images,
        "masks": {
            "chosen": tally.masks_read,
            "written": tally.masks_written,
            "left_out": tally.masks_left_out,
            "verified": tally.masks_verified,
            "identical": tally.identical,
            "mismatches": tally.mismatches,
            "changed_or_deleted_while_exporting": tally.changed_meanwhile,
            "sha256": tally.masks_sha256,
        },
        "left_out": tally.left_out,
        "mismatched": tally.mismatched,
        "loss": {"words": loss_words, **_describe_loss(tally)},
        "notes": {what: {"count": count, "names": tally.named.get(what, [])} for what, count in tally.notes.items()},
        "files": [describe_file(path) for path in files],
    }


def describe_file(path: Path) -> dict[str, object]:
    """Return name, length and hash of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_HASH_BYTES):
            digest.update(chunk)
    return {"name": path.name, "bytes": path.stat().st_size, "sha256": digest.hexdigest()}


def _compare(
    writer: Writer,
    pk: UUID,
    found: MeasuredMask,
    found_size: tuple[int, int],
    counts: str,
    size: tuple[int, int],
    tally: Tally,
) -> None:
    if tuple(found_size) != tuple(size):
        tally.mismatch(mask=pk, reason=f"the file says {list(found_size)}, stored is {list(size)}")
        return
    if found.counts != counts:
        (original,) = measure_masks([counts], [size])
        if not isinstance(original, MeasuredMask):
            tally.mismatch(mask=pk, reason=f"the stored mask is damaged: {original}")
            return
        if found.counts != original.counts:
            if not writer.is_lossy:
                tally.mismatch(mask=pk, reason="the file holds other pixels than the database")
                return
            iou = iou_of(original.counts, found.counts, size)
            both = original.area + found.area
            tally.lose(mask=pk, iou=iou, pixels=round(both - 2 * both * iou / (1 + iou)))
            return
    tally.identical += 1


def _stored_masks(references: Sequence[Reference]) -> dict[UUID, tuple[str, tuple[int, int]]]:
    """Return counts and size of each id at its revision, as stored now or as the history has them."""
    wanted = dict(references)
    columns = ("pk", "revision", "counts", "image__height", "image__width")
    stored: dict[UUID, tuple[str, tuple[int, int]]] = {}
    changed: dict[UUID, tuple[int, int]] = {}
    for pk, revision, counts, height, width in Annotation.objects.filter(pk__in=list(wanted)).values_list(*columns):
        if revision == wanted[pk]:
            stored[pk] = counts, (height, width)
        else:
            changed[pk] = (height, width)
    if changed:
        history = AnnotationRevision.objects.filter(annotation__in=list(changed))
        for pk, revision, snapshot in history.values_list("annotation_id", "revision", "snapshot"):
            if revision == wanted[pk]:
                stored[pk] = snapshot["counts"], changed[pk]
    return stored


def _describe_loss(tally: Tally) -> dict[str, object]:
    loss = tally.loss
    if not loss:
        return {"masks_changed": 0}
    return {
        "masks_changed": int(loss["masks"]),
        "pixels_changed": int(loss["pixels"]),
        "mean_iou_of_changed": loss["iou_sum"] / loss["masks"],
        "lowest_iou": loss["iou_min"],
        "lowest_iou_mask": tally.named.get("worst_mask", [None])[0],
    }
