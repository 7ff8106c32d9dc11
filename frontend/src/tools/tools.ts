/** The table of tools. */
import type { ToolId } from "../model/view-settings";
import { BrushTool } from "./brush-tool";
import { LassoTool } from "./lasso-tool";
import type { EditorPort, Tool } from "./port";
import { PromptTool } from "./prompt-tool";
import { SelectTool } from "./select-tool";

export function makeTools(port: EditorPort): Readonly<Record<ToolId, Tool>> {
  return {
    select: new SelectTool("select", port),
    points: new PromptTool("points", port),
    box: new PromptTool("box", port),
    brush: new BrushTool("brush", port),
    eraser: new BrushTool("eraser", port),
    lasso: new LassoTool(port),
    comment: new SelectTool("comment", port),
  };
}
