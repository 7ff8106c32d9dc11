/** The theme: one choice for the workspace and the pages of the site. */
import type { JSX } from "preact";

import { THEMES, type Theme } from "../model/workspace";
import { useStore, useSurroundings } from "./hooks";

/** When the light theme's stylesheet holds; the page's template has the same. */
const LIGHT_MEDIA: Readonly<Record<Theme, string>> = {
  system: "(prefers-color-scheme: light)",
  light: "all",
  dark: "not all",
};

/** Show the workspace in a theme at once, without loading anything. */
export function showTheme(theme: Theme): void {
  const link = document.querySelector("#light-theme");
  if (link instanceof HTMLLinkElement) link.media = LIGHT_MEDIA[theme];
}

export function ThemeChoice(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const theme = useStore(workspace.theme);
  const change = (chosen: Theme): void => {
    showTheme(chosen);
    workspace.changeTheme(chosen);
  };
  return (
    <select
      class="language theme"
      aria-label={translator.t("bar.theme")}
      value={theme}
      onChange={(event) => change(THEMES.find((id) => id === event.currentTarget.value) ?? theme)}
    >
      {THEMES.map((id) => (
        <option key={id} value={id}>
          {translator.t(`theme.${id}`)}
        </option>
      ))}
    </select>
  );
}
