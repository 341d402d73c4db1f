import type { Measures, Sort } from "../live/wire";
import { count, minutes } from "../format/number";

export const MEASURE_NAMES: Record<Sort, string> = {
  views: "views",
  visitors: "visitors",
  engaged_minutes: "engaged minutes",
};

/** One of the three measures, as it is written everywhere on the page. */
export function measure(of: Measures, sort: Sort): string {
  return sort === "engaged_minutes" ? minutes(of[sort]) : count(of[sort]);
}

/** How long a bar is against the longest of its list, between 0 and 1. */
export function fraction(value: number, of: readonly number[]): number {
  const longest = Math.max(0, ...of);
  return longest > 0 ? Math.max(0, value) / longest : 0;
}
