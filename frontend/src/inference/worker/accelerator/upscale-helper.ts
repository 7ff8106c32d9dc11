/** Entry of a helper thread of the up-scaling: gets the place of its jobs once and serves until the worker ends. */
import { serveUpscaling, type HelperStart } from "./upscale-kernel";

self.addEventListener("message", (event: MessageEvent<HelperStart>) => serveUpscaling(event.data));
