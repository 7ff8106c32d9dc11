/** The calls of the workspace, one function each. Addresses and names are those of docs/contracts.md. */
import type { BoxXyxy } from "../geometry/types";
import type { HttpClient } from "./http";
import type { AnnotationRow, CommentRow, ImageDetail } from "./wire";

export interface RevisionRow {
  readonly revision: number;
  readonly action: string;
  readonly snapshot: Readonly<Record<string, unknown>>;
  readonly author: { readonly id: number; readonly name: string } | null;
  readonly created_at: string;
}

export interface CropEmbedding {
  readonly key: string;
  readonly status: string;
  readonly url: string | null;
}

export interface LatencySample {
  readonly kind: string;
  readonly engine: string;
  readonly browser: string;
  readonly model_version: string;
  readonly value_ms: number;
}

/** The state that an image is in after somebody has finished with it. */
export interface WorkAnswer {
  readonly work_status: string;
}

/** `unprepared`: images that still wait for suggestions; `returned`: the reviewer's words about this one. */
export interface NextImage {
  readonly image_id: number | null;
  readonly lease: { readonly stage: string } | null;
  readonly unprepared: number;
  readonly returned: string;
}

/** The masks of an image as they were when the server gave them this tag. */
export interface AnnotationList {
  readonly rows: readonly AnnotationRow[];
  readonly tag: string;
}

/** One time that somebody called the image done, and what a reviewer said. */
export interface SubmissionRow {
  readonly user_id: number | null;
  readonly user_name: string;
  readonly verdict: string;
  readonly is_latest: boolean;
  readonly reviewer_name: string;
  readonly comment: string;
}

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

  revisions(annotationId: string): Promise<readonly RevisionRow[]> {
    return this.http.get(`/annotations/${annotationId}/revisions`);
  }

  comments(imageId: number): Promise<readonly CommentRow[]> {
    return this.http.get(`/images/${imageId}/comments`);
  }

  addComment(imageId: number, body: string, annotationId: string | null, place: { x: number; y: number } | null) {
    const comment = { body, annotation_id: annotationId, x: place?.x ?? null, y: place?.y ?? null };
    return this.http.send<CommentRow>("POST", `/images/${imageId}/comments`, comment);
  }

  resolveComment(commentId: number, isResolved: boolean): Promise<CommentRow> {
    return this.http.send("PATCH", `/comments/${commentId}`, { is_resolved: isResolved });
  }

  takeNext(projectId: number): Promise<NextImage> {
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
    return this.http.send("POST", `/images/${imageId}/skip`, { reason });
  }

  submissions(imageId: number): Promise<readonly SubmissionRow[]> {
    return this.http.get(`/images/${imageId}/submissions`);
  }

  review(imageId: number, verdict: string, comment: string): Promise<WorkAnswer> {
    return this.http.send("POST", `/images/${imageId}/review`, { verdict, comment });
  }

  takeNextReview(projectId: number): Promise<NextImage> {
    return this.http.send("POST", `/projects/${projectId}/review/next`);
  }

  reportActivity(imageId: number, activeMs: number, counts: Readonly<Record<string, number>>): Promise<unknown> {
    return this.http.send("POST", `/images/${imageId}/activity`, { active_ms: activeMs, counts });
  }

  retryEmbedding(imageId: number): Promise<unknown> {
    return this.http.send("POST", `/images/${imageId}/retry`);
  }

  cropEmbedding(imageId: number, box: BoxXyxy, isMirrored: boolean): Promise<CropEmbedding> {
    const body = { crop_box_xyxy: [box.x0, box.y0, box.x1, box.y1], is_mirrored: isMirrored };
    return this.http.send("POST", `/images/${imageId}/crop-embeddings`, body);
  }

  savePreferences(changes: Record<string, unknown>): Promise<unknown> {
    return this.http.send("PATCH", "/me/preferences", changes);
  }

  sendLatency(projectId: number, samples: readonly LatencySample[]): Promise<unknown> {
    return this.http.send("POST", "/latency", { project_id: projectId, samples });
  }
}
