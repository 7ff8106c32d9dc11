/** The calls of the workspace, one function each. Addresses and names are those of docs/contracts.md. */
import type { BoxXyxy } from "../geometry/types";
import type {
  ActivityIn,
  CommentIn,
  CommentOut,
  CommentPatch,
  CropIn,
  CropOut,
  ImageDetail,
  LatencyBatch,
  LatencyIn,
  NextOut,
  RevisionOut,
  ReviewIn,
  ReviewOut,
  SkipIn,
  SubmissionOut,
  VisitIn,
  VisitorList,
  WorkOut,
} from "../wire/openapi";
import type { HttpClient } from "./http";
import type { AnnotationRow, DeletedRow } from "./wire";

export type {
  LatencyIn as LatencySample,
  RevisionOut as RevisionRow,
  SubmissionOut as SubmissionRow,
} from "../wire/openapi";

/** The masks of an image as they were when the server gave them this tag. */
export interface AnnotationList {
  readonly rows: readonly AnnotationRow[];
  readonly tag: string;
}

/** The state that an image is in after somebody has finished with it. */
export type WorkAnswer = Pick<WorkOut, "work_status">;

export class WorkspaceApi {
  constructor(readonly http: HttpClient) {}

  image(imageId: number, signal?: AbortSignal): Promise<ImageDetail> {
    return this.http.get(`/images/${imageId}`, signal);
  }

  /** The masks of an image, when they are others than those of the list with `tag`; null: they are the same. */
  async annotations(imageId: number, tag = ""): Promise<AnnotationList | null> {
    const path = `/images/${imageId}/annotations`;
    const answer = await this.http.getChanged<{ annotations: AnnotationRow[] }>(path, tag);
    return answer && { rows: answer.body.annotations, tag: answer.tag };
  }

  /** Masks that people deleted from an image, latest first. */
  async deleted(imageId: number): Promise<readonly DeletedRow[]> {
    return (await this.http.get<{ annotations: DeletedRow[] }>(`/images/${imageId}/annotations/deleted`)).annotations;
  }

  /** Say that the image is open here; tells who else has it open. */
  visit(imageId: number): Promise<VisitorList> {
    return this.http.send("POST", `/images/${imageId}/presence`, { is_leaving: false } satisfies VisitIn);
  }

  endVisit(imageId: number): Promise<unknown> {
    return this.http.send("POST", `/images/${imageId}/presence`, { is_leaving: true } satisfies VisitIn);
  }

  revisions(annotationId: string): Promise<readonly RevisionOut[]> {
    return this.http.get(`/annotations/${annotationId}/revisions`);
  }

  comments(imageId: number): Promise<readonly CommentOut[]> {
    return this.http.get(`/images/${imageId}/comments`);
  }

  addComment(imageId: number, body: string, annotationId: string | null, place: { x: number; y: number } | null) {
    const comment: CommentIn = { body, annotation_id: annotationId, x: place?.x ?? null, y: place?.y ?? null };
    return this.http.send<CommentOut>("POST", `/images/${imageId}/comments`, comment);
  }

  resolveComment(commentId: number, isResolved: boolean): Promise<CommentOut> {
    return this.http.send("PATCH", `/comments/${commentId}`, { is_resolved: isResolved } satisfies CommentPatch);
  }

  takeNext(projectId: number): Promise<NextOut> {
    return this.http.send("POST", `/projects/${projectId}/next`);
  }

  /** Claim the image or keep the claim; 409 `held_by_other` when somebody else has it. */
  heartbeat(imageId: number): Promise<unknown> {
    return this.http.send("POST", `/images/${imageId}/lease`);
  }

  submit(imageId: number): Promise<WorkAnswer> {
    return this.http.send("POST", `/images/${imageId}/submit`);
  }

  skip(imageId: number, reason: string): Promise<WorkAnswer> {
    return this.http.send("POST", `/images/${imageId}/skip`, { reason } satisfies SkipIn);
  }

  submissions(imageId: number): Promise<readonly SubmissionOut[]> {
    return this.http.get(`/images/${imageId}/submissions`);
  }

  review(imageId: number, verdict: ReviewIn["verdict"], comment: string): Promise<ReviewOut> {
    return this.http.send("POST", `/images/${imageId}/review`, { verdict, comment } satisfies ReviewIn);
  }

  takeNextReview(projectId: number): Promise<NextOut> {
    return this.http.send("POST", `/projects/${projectId}/review/next`);
  }

  reportActivity(imageId: number, activeMs: number, counts: Readonly<Record<string, number>>): Promise<unknown> {
    return this.http.send("POST", `/images/${imageId}/activity`, { active_ms: activeMs, counts } satisfies ActivityIn);
  }

  retryEmbedding(imageId: number): Promise<unknown> {
    return this.http.send("POST", `/images/${imageId}/retry`);
  }

  /** Ask for a crop's embedding by the model version that the image was opened with. */
  cropEmbedding(imageId: number, box: BoxXyxy, isFlipped: boolean, modelVersion: string): Promise<CropOut> {
    const corners: CropIn["crop_box_xyxy"] = [box.x0, box.y0, box.x1, box.y1];
    const body: CropIn = { crop_box_xyxy: corners, is_flipped: isFlipped, model_version: modelVersion };
    return this.http.send("POST", `/images/${imageId}/crop-embeddings`, body);
  }

  savePreferences(changes: Record<string, unknown>): Promise<unknown> {
    return this.http.send("PATCH", "/me/preferences", changes);
  }

  sendLatency(projectId: number, samples: readonly LatencyIn[]): Promise<unknown> {
    return this.http.send("POST", "/latency", { project_id: projectId, samples } satisfies LatencyBatch);
  }
}
