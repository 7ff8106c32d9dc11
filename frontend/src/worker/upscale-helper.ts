/** Entry of a thread that helps with the up-scaling: told once where the work is, it serves until the worker ends. */
import { serveUpscaling, type HelperStart } from "./upscale-kernel";

self.addEventListener("message", (event: MessageEvent<HelperStart>) => serveUpscaling(event.data));
