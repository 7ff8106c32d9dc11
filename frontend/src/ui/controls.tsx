/** Small controls that the panels share: buttons with a name and a key, switches, sliders, sections. */
import type { ComponentChildren, JSX } from "preact";

import { userAgent } from "../platform/abilities";
import { Icon, type IconName } from "./icons";

export interface IconButtonProps {
  readonly icon: IconName;
  readonly name: string;
  readonly keys?: string | undefined;
  readonly isPressed?: boolean;
  readonly isDisabled?: boolean;
  readonly class?: string;
  onPress(): void;
}

export function IconButton(props: IconButtonProps): JSX.Element {
  const title = props.keys ? `${props.name} (${props.keys})` : props.name;
  return (
    <button
      type="button"
      class={`icon-button ${props.class ?? ""}`}
      aria-label={props.name}
      aria-pressed={props.isPressed}
      aria-keyshortcuts={props.keys}
      title={title}
      disabled={props.isDisabled}
      onClick={() => props.onPress()}
    >
      <Icon name={props.icon} />
    </button>
  );
}

export function Section(props: {
  readonly title: string;
  readonly aside?: ComponentChildren;
  readonly class?: string;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <section class={`section ${props.class ?? ""}`} aria-label={props.title}>
      <header class="section-head">
        <h2>{props.title}</h2>
        {props.aside}
      </header>
      {props.children}
    </section>
  );
}

export function Slider(props: {
  readonly name: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly shown: string;
  onChange(value: number): void;
}): JSX.Element {
  return (
    <label class="slider">
      <span>{props.name}</span>
      <input
        type="range"
        aria-label={props.name}
        min={props.min}
        max={props.max}
        step={props.step}
        value={props.value}
        aria-valuetext={props.shown}
        onInput={(event) => props.onChange(Number(event.currentTarget.value))}
      />
      <output>{props.shown}</output>
    </label>
  );
}

export function Switch(props: {
  readonly name: string;
  readonly isOn: boolean;
  readonly keys?: string | undefined;
  onChange(isOn: boolean): void;
}): JSX.Element {
  return (
    <label class="switch" title={props.keys}>
      <input type="checkbox" checked={props.isOn} onChange={(event) => props.onChange(event.currentTarget.checked)} />
      <span class="switch-track" aria-hidden="true" />
      <span>{props.name}</span>
    </label>
  );
}

/** How a chord reads on this machine: Mod is Command on a Mac and Ctrl elsewhere. */
export function chordText(chord: string | undefined): string | undefined {
  if (chord === undefined) return undefined;
  const isMac = userAgent().includes("Mac");
  return chord
    .replace("Mod", isMac ? "⌘" : "Ctrl")
    .replace("Arrow", "")
    .replace("Escape", "Esc");
}
