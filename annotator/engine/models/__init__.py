"""The rows of the data engine: the queue, background jobs, masks made by the model alone, and figures."""

from annotator.engine.models.automatic import CorrectionSample, MaskRun, RunKind, RunStatus
from annotator.engine.models.figures import (
    ActivityClock,
    FiguresMark,
    Grain,
    ImageFigures,
    ImageParts,
    LatencySample,
    MaskFigures,
    ScoreFigures,
    WorkEvent,
)
from annotator.engine.models.jobs import OPEN_STATUSES, Job, JobStatus
from annotator.engine.models.queue import Lease, Purpose, Submission, Verdict

__all__ = [
    "OPEN_STATUSES",
    "ActivityClock",
    "CorrectionSample",
    "FiguresMark",
    "Grain",
    "ImageFigures",
    "ImageParts",
    "Job",
    "JobStatus",
    "LatencySample",
    "Lease",
    "MaskFigures",
    "MaskRun",
    "Purpose",
    "RunKind",
    "RunStatus",
    "ScoreFigures",
    "Submission",
    "Verdict",
    "WorkEvent",
]
