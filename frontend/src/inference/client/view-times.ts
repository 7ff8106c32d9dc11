/** How long this device takes for one view of an answer, and how many fit into a time. Knows no clock. */

/** So many decodings the median is of: old ones, of a cold or busy page, count no more. */
const REMEMBERED = 9;

export class ViewTimes {
  private times: number[] = [];

  note(ms: number): void {
    this.times = [...this.times, ms].slice(-REMEMBERED);
  }

  /** Another engine begins anew; until it has answered, `likelyMs` (NaN: nobody knows) stands for what it will take. */
  begin(likelyMs: number): void {
    this.times = likelyMs > 0 ? [likelyMs] : [];
  }

  get medianMs(): number {
    const sorted = [...this.times].sort((a, b) => a - b);
    return sorted.length === 0 ? 0 : sorted[(sorted.length - 1) >> 1];
  }

  /** One at least: without it there is no answer. */
  viewsWithin(budgetMs: number): number {
    const { medianMs } = this;
    return medianMs > 0 ? Math.max(Math.floor(budgetMs / medianMs), 1) : Infinity;
  }
}
