/**
 * Says when the server no longer lets the person near the open image: removed from the project, or the image deleted.
 *
 * Told once until the image answers again. Nothing is thrown away: what was not saved stays in the journal.
 */
import { ApiError, type HttpClient } from "../../api/http";

export interface AccessPorts {
  imageId(): number | null;
  /** Ask for the project; rejects with 404 where the person is no member any more. */
  askProject(): Promise<unknown>;
  tell(key: "notice.removed" | "notice.image.gone"): void;
}

export class AccessGuard {
  private isTold = false;

  constructor(private readonly ports: AccessPorts) {}

  /** The same client, with an eye on what becomes of calls that change the open image. */
  watch(http: HttpClient): HttpClient {
    return {
      ...http,
      send: async <T>(method: "POST" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<T> => {
        const isOpenImage = path.startsWith(`/images/${this.ports.imageId()}/`);
        try {
          const answer = await http.send<T>(method, path, body);
          if (isOpenImage) this.isTold = false;
          return answer;
        } catch (error) {
          if (isOpenImage && isNotFound(error)) void this.noteLoss();
          throw error;
        }
      },
    };
  }

  /** Something said that access is gone: find out what of it, and say so. */
  async noteLoss(): Promise<void> {
    if (this.isTold) return;
    this.isTold = true;
    try {
      await this.ports.askProject();
      this.ports.tell("notice.image.gone");
    } catch (error) {
      if (isNotFound(error)) this.ports.tell("notice.removed");
      else this.isTold = false; // no answer: the next refusal asks again
    }
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}
