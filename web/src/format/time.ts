const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const clockFormat = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const secondFormat = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const longDayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric" });
const shortDayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const monthFormat = new Intl.DateTimeFormat("en-GB", { month: "short", year: "numeric" });

export function clock(ms: number): string {
  return clockFormat.format(ms);
}

export function clockSeconds(ms: number): string {
  return secondFormat.format(ms);
}

export function day(ms: number): string {
  return dayFormat.format(ms);
}

export function longDay(ms: number): string {
  return longDayFormat.format(ms);
}

export function moment(ms: number): string {
  return `${day(ms)}, ${clock(ms)}`;
}

/** The label of one tick on a time axis whose ticks stand `gapMs` apart. */
export function tick(ms: number, gapMs: number): string {
  if (gapMs >= 27 * DAY) return monthFormat.format(ms);
  const at = new Date(ms);
  const midnight = at.getHours() === 0 && at.getMinutes() === 0;
  return gapMs >= DAY || midnight ? shortDayFormat.format(ms) : clock(ms);
}

/** How old something is, in its largest unit. */
export function age(pubMs: number | null | undefined, nowMs: number): string | null {
  if (pubMs === null || pubMs === undefined) return null;
  const old = nowMs - pubMs;
  // A page may claim a date in the future; its age is then simply not known.
  if (old < -MINUTE) return null;
  if (old < MINUTE) return "just now";
  if (old < HOUR) return `${Math.floor(old / MINUTE)} min`;
  if (old < DAY) return `${Math.floor(old / HOUR)} h`;
  if (old < 14 * DAY) return `${Math.floor(old / DAY)} d`;
  if (old < 60 * DAY) return `${Math.floor(old / (7 * DAY))} wk`;
  if (old < 730 * DAY) return `${Math.floor(old / (30.44 * DAY))} mo`;
  return `${Math.floor(old / (365.25 * DAY))} yr`;
}

/** The name of one step of a series: "minute", "5 minutes", "hour". */
export function stepName(stepMs: number): string {
  for (const [size, name] of [[DAY, "day"], [HOUR, "hour"], [MINUTE, "minute"]] as const) {
    if (stepMs >= size && stepMs % size === 0) {
      const times = stepMs / size;
      return times === 1 ? name : `${times} ${name}s`;
    }
  }
  return `${Math.round(stepMs / 1000)} seconds`;
}
