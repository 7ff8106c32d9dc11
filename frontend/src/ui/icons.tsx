/** Line icons, 20 x 20, drawn for this workspace. Always beside a name for screen readers. */
import type { JSX } from "preact";

const PATHS = {
  select: "M4 2.5 15.5 9l-5 1.6L8 16z",
  points: "M10 4v12M4 10h12M10 7.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6",
  box: "M3.5 4.5h13v11h-13zM3.5 4.5h0M16.5 15.5h0",
  brush:
    "M16.5 3.5 9 11M7.2 11.2c-2 0-2.6 1.5-2.7 2.6-.1 1-.6 1.8-1.6 2.2 3.500 1 6.300 0 6.300-2.800 0-1.100-.8-2-2-2z",
  eraser: "M8 16.500h8.500M4 12.500 11.500 5a1.400 1.400 0 0 1 2 0l2.500 2.500a1.400 1.400 0 0 1 0 2L9.500 16H7z",
  lasso:
    "M10 4c4 0 7 1.900 7 4.500S14 13 10 13s-7-1.900-7-4.500S6 4 10 4zM6 12.400c-1.500 1.200-1.400 3.100.5 3.100 1.300 0 1.800 1 1.300 2",
  undo: "M7.500 5 4 8.500 7.500 12M4.500 8.500h7a4 4 0 0 1 0 8H8",
  redo: "M12.500 5 16 8.500 12.500 12M15.500 8.500h-7a4 4 0 0 0 0 8H12",
  fit: "M3.500 7.500v-4h4M16.500 7.500v-4h-4M3.500 12.500v4h4M16.500 12.500v4h-4",
  lock: "M5.500 9.500h9v7h-9zM7.500 9.500V7a2.500 2.500 0 0 1 5 0v2.500",
  unlock: "M5.500 9.500h9v7h-9zM7.500 9.500V6.500a2.500 2.500 0 0 1 4.800-1",
  trash: "M4 5.500h12M8 5.500V4h4v1.500M5.500 5.500l.7 11h7.600l.7-11M8.500 8.500v5M11.500 8.500v5",
  left: "M12 4.500 6.500 10l5.500 5.500",
  right: "M8 4.500l5.500 5.500L8 15.500",
  back: "M9 4.500 3.500 10 9 15.500M4 10h12.500",
  keyboard: "M2.500 5.500h15v9h-15zM5.500 8.500h0M8.500 8.500h0M11.500 8.500h0M14.500 8.500h0M6.500 11.500h7",
  book: "M4 4.500c2.500-.7 4.500-.3 6 1 1.500-1.300 3.500-1.700 6-1v11c-2.500-.7-4.500-.3-6 1-1.500-1.300-3.500-1.700-6-1zM10 5.500v11",
  panel: "M3 4.500h14v11H3zM12.500 4.500v11",
  close: "M5 5l10 10M15 5 5 15",
  comment: "M3.5 4h13v9.5h-6L7 17v-3.500H3.500z",
  check: "M4 10.500 8.200 14.500 16 6",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { readonly name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
