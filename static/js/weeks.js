/** The time axis of the dashboard: whole weeks, as many as there was work in, with a little room on both sides. */

const WEEK_S = 7 * 24 * 3600;
const LEAST_WEEKS = 5;
const MOST_TICKS = 7;

/** Return the weeks to show for rows with `week` (a Monday, ISO): seconds since 1970, and the row of each, or null. */
export function spreadWeeks(rows) {
  if (rows.length === 0) return { seconds: [], rows: [] };
  const byWeek = new Map(rows.map((row) => [Date.parse(`${row.week}T00:00:00Z`) / 1000, row]));
  const known = [...byWeek.keys()];
  const last = Math.max(...known) + WEEK_S;
  const first = Math.min(Math.min(...known) - WEEK_S, last - LEAST_WEEKS * WEEK_S);
  const seconds = Array.from({ length: Math.round((last - first) / WEEK_S) + 1 }, (_, at) => first + at * WEEK_S);
  return { seconds, rows: seconds.map((second) => byWeek.get(second) ?? null) };
}

/** Return every n-th Monday between two times, so few that their dates can be read. */
export function weekTicks(seconds) {
  const step = Math.ceil(seconds.length / MOST_TICKS);
  return seconds.filter((_, at) => at % step === 0);
}

/** The page's language; English dates come with the day first. */
function dateLocale() {
  const { lang } = globalThis.document?.documentElement ?? { lang: "en" };
  return lang === "en" ? "en-GB" : lang;
}

/** Write a Monday as "16 Nov", and the year where it is the first tick or another one than before. */
export function weekWords(ticks) {
  return ticks.map((second, at) => {
    const day = new Date(second * 1000);
    const words = day.toLocaleDateString(dateLocale(), { day: "numeric", month: "short", timeZone: "UTC" });
    const isOtherYear = at === 0 || new Date(ticks[at - 1] * 1000).getUTCFullYear() !== day.getUTCFullYear();
    return isOtherYear ? `${words}\n${day.getUTCFullYear()}` : words;
  });
}
