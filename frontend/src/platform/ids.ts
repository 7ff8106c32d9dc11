/** Ids for what a person makes: random UUIDs (RFC 9562, version 4), also where the page came over plain http. */

const BYTES = 16;

/** Make an id that nobody else has. `crypto.randomUUID` is there over https and on localhost only. */
export function newId(): string {
  const { crypto } = globalThis;
  return typeof crypto.randomUUID === "function"
    ? crypto.randomUUID()
    : uuidOf(crypto.getRandomValues(new Uint8Array(BYTES)));
}

/** Write 16 random bytes as a UUID; version and variant take the place of six bits. */
export function uuidOf(random: Uint8Array): string {
  const bytes = Uint8Array.from(random);
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
