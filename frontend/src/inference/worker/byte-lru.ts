/** Keeps the most recently used values within a number of bytes; at least the newest one stays. */

export class ByteLru<V> {
  private readonly entries = new Map<string, { value: V; bytes: number }>();
  private held = 0;

  constructor(
    private readonly budgetBytes: number,
    private readonly drop: (value: V) => void = () => undefined,
  ) {}

  get bytes(): number {
    return this.held;
  }

  has(key: string): boolean {
    return this.entries.has(key);
  }

  get(key: string): V | undefined {
    const entry = this.entries.get(key);
    if (!entry) return undefined;
    this.entries.delete(key);
    this.entries.set(key, entry);
    return entry.value;
  }

  /** Add a value and return the keys that had to go. */
  set(key: string, value: V, bytes: number): string[] {
    this.remove(key);
    this.entries.set(key, { value, bytes });
    this.held += bytes;
    const evicted: string[] = [];
    for (const oldest of this.entries.keys()) {
      if (this.held <= this.budgetBytes || oldest === key) break;
      this.remove(oldest);
      evicted.push(oldest);
    }
    return evicted;
  }

  clear(): void {
    for (const key of [...this.entries.keys()]) this.remove(key);
  }

  private remove(key: string): void {
    const entry = this.entries.get(key);
    if (!entry) return;
    this.entries.delete(key);
    this.held -= entry.bytes;
    this.drop(entry.value);
  }
}
