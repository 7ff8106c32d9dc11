/** The skeleton of the page: canvases that the panels never redraw, and the place where the panels go. */

export interface Page {
  readonly stage: HTMLElement;
  readonly photo: HTMLCanvasElement;
  readonly masks: HTMLCanvasElement;
  readonly overlay: HTMLCanvasElement;
  readonly panels: HTMLElement;
}

export function buildPage(root: HTMLElement): Page {
  root.replaceChildren();
  root.classList.add("ws");
  const stage = document.createElement("main");
  stage.className = "stage";
  const [photo, masks, overlay] = ["photo", "masks", "overlay"].map((name) => {
    const canvas = document.createElement("canvas");
    canvas.className = name;
    stage.append(canvas);
    return canvas;
  });
  photo.setAttribute("aria-hidden", "true");
  masks.setAttribute("aria-hidden", "true");
  overlay.tabIndex = 0;
  // Arrow keys and letters are the canvas's own here, which is what the role tells screen readers.
  overlay.setAttribute("role", "application");
  const panels = document.createElement("div");
  panels.className = "panels";
  root.append(stage, panels);
  return { stage, photo, masks, overlay, panels };
}
