import type { Series, TimeWindow } from "../live/wire";

/** Times in seconds, the steps that have ended, and the last step while it is still filling. */
export type Columns = [times: number[], whole: (number | null)[], filling: (number | null)[]];

/**
 * Splits a series at the step that has not ended yet. Drawn like the others it would look, every
 * minute anew, as if the readers had gone.
 */
export function columns(series: Series, window: TimeWindow): Columns {
  const { start_ms, step_ms, views } = series;
  const times = views.map((_, index) => (start_ms + index * step_ms) / 1000);
  const last = views.length - 1;
  const open = window.anchored === "now" && last > 0 && start_ms + views.length * step_ms > window.end_ms;
  return [
    times,
    views.map((value, index) => (open && index === last ? null : value)),
    views.map((value, index) => (open && index === last ? value : null)),
  ];
}

/** The highest step, which the text alternative names. */
export function peak(series: Series): { views: number; at_ms: number } | null {
  let best = -1;
  series.views.forEach((value, index) => {
    if (best < 0 || value > (series.views[best] ?? 0)) best = index;
  });
  if (best < 0) return null;
  return { views: series.views[best] ?? 0, at_ms: series.start_ms + best * series.step_ms };
}
