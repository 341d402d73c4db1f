/** The shapes that the server sends; nothing here knows how they are drawn. */

export const CLASSES = ["search", "social", "internal", "direct", "other"] as const;
export type ReferrerClass = (typeof CLASSES)[number];
export type Shares = Record<ReferrerClass, number>;

export const WINDOWS = ["15m", "1h", "4h", "24h", "7d", "30d", "all"] as const;
export type WindowLabel = (typeof WINDOWS)[number];

export const SORTS = ["views", "visitors", "engaged_minutes"] as const;
export type Sort = (typeof SORTS)[number];

export interface Site {
  id: string;
  title: string;
  /** Made by the demo's generator: no reader stands behind these numbers. */
  generated: boolean;
  importing: boolean;
  first_ms: number | null;
  last_ms: number | null;
}

export interface TimeWindow {
  label: string;
  start_ms: number;
  end_ms: number;
  /** "last" means that the window ends at the newest hit because that is older than the window. */
  anchored: "now" | "last";
}

export interface Totals {
  views: number;
  visitors: number;
  engaged_minutes: number;
  reading_now: number;
  views_per_minute: number;
  bots: number;
}

export interface Series {
  start_ms: number;
  step_ms: number;
  views: number[];
}

export interface Measures {
  views: number;
  visitors: number;
  engaged_minutes: number;
}

export interface Post extends Measures {
  /** Null for a post that is not in the list. */
  rank: number | null;
  /** Ranks gained or lost in the last minute; null when the post was not listed then. */
  move: number | null;
  url: string;
  link: string | null;
  title: string | null;
  author: string | null;
  section: string | null;
  pub_date_ms: number | null;
  spark: number[];
  referrers: Shares;
}

export interface ReferrerDomain {
  domain: string;
  class: ReferrerClass;
  views: number;
}

export interface PostDetail extends Post {
  series: Series;
  referrer_domains: ReferrerDomain[];
  devices: { desktop: number; mobile: number; tablet: number };
  authors: string[];
  tags: string[];
}

export interface Leader extends Measures {
  name: string;
}

export interface LiveState {
  seq: number;
  now_ms: number;
  site: Site;
  window: TimeWindow;
  totals: Totals;
  series: Series;
  referrers: Shares;
  posts: Post[];
  authors: Leader[];
  sections: Leader[];
  post: PostDetail | null;
}

/** Refuses a message that is not a state, so that one bad line cannot take the page down. */
export function readState(text: string): LiveState | null {
  try {
    const value = JSON.parse(text) as Partial<LiveState> | null;
    const whole =
      value?.site && value.window && value.totals && value.series && value.referrers &&
      Array.isArray(value.posts) && Array.isArray(value.authors) && Array.isArray(value.sections);
    return whole ? (value as LiveState) : null;
  } catch {
    return null;
  }
}
