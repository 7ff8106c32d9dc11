/** Keys to actions. Pure: chords are text such as "Shift+Tab", and a person may bind any action anew. */
import { ACTION_LIST, type ActionId, type Bindings } from "../model/actions";

export interface RawKey {
  readonly key: string;
  readonly code: string;
  readonly isCtrl: boolean;
  readonly isAlt: boolean;
  readonly isShift: boolean;
  readonly isMeta: boolean;
}

/**
 * The name of a key with its modifiers. Letters and digits go by the key's place on the keyboard, so that a Korean or
 * Chinese layout works the same; other characters go by what they type.
 */
export function chordOf(raw: RawKey): string {
  const parts: string[] = [];
  if (raw.isCtrl || raw.isMeta) parts.push("Mod");
  if (raw.isAlt) parts.push("Alt");
  const letter = /^Key([A-Z])$/.exec(raw.code)?.[1] ?? /^(?:Digit|Numpad)([0-9])$/.exec(raw.code)?.[1];
  const name = letter ?? (raw.key === " " ? "Space" : raw.key);
  // Shift is part of what a printing character is ("?"), and a modifier of everything else.
  if (raw.isShift && (letter !== undefined || name.length > 1)) parts.push("Shift");
  return [...parts, name.length === 1 ? name.toUpperCase() : name].join("+");
}

export const DEFAULT_BINDINGS: Bindings = bindingsOf("right");
/** For people who hold the mouse in the left hand: the tools under the right hand's home keys. */
export const LEFT_HANDED_BINDINGS: Bindings = bindingsOf("left");

function bindingsOf(hand: "left" | "right"): Bindings {
  const pairs = ACTION_LIST.map((action) => [
    action.id,
    hand === "left" ? (action.leftKeys ?? action.keys) : action.keys,
  ]);
  return Object.fromEntries(pairs) as Bindings;
}

/** Lay a person's own bindings over a set; a chord they took is taken from its former action. */
export function mergeBindings(base: Bindings, own: Partial<Record<string, readonly string[]>>): Bindings {
  const taken = new Set(Object.values(own).flatMap((chords) => chords ?? []));
  const pairs = ACTION_LIST.map(({ id }) => [id, own[id] ?? base[id].filter((chord) => !taken.has(chord))]);
  return Object.fromEntries(pairs) as Bindings;
}

export function actionFor(bindings: Bindings, chord: string): ActionId | null {
  for (const { id } of ACTION_LIST) if (bindings[id].includes(chord)) return id;
  return null;
}
