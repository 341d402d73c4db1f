import { useEffect, useRef, useState } from "preact/hooks";
import type { Series, TimeWindow } from "../live/wire";
import { count, counted } from "../format/number";
import { clock, day, moment, stepName } from "../format/time";
import { columns, peak } from "./columns";
import { Plot, type Pointed } from "./plot";

interface Props {
  series: Series;
  window: TimeWindow;
  /** What is counted, for the text alternative: "The Daily Tide", or a post's title. */
  of: string;
}

const DAY_MS = 86_400_000;

function describe({ series, window, of }: Props): string {
  const step = stepName(series.step_ms);
  const top = peak(series);
  const span = `${moment(window.start_ms)} to ${moment(window.end_ms)}`;
  if (!top) return `Views of ${of} per ${step}, ${span}: none.`;
  return `Views of ${of} per ${step}, ${span}. The highest is ${count(top.views)} at ${moment(top.at_ms)}.`;
}

export function ViewsChart(props: Props) {
  const { series, window } = props;
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);
  const [pointed, setPointed] = useState<Pointed | null>(null);

  useEffect(() => {
    plot.current = new Plot(frame.current!, columns(series, window), setPointed);
    return () => plot.current?.destroy();
  }, []);

  useEffect(() => plot.current?.update(columns(series, window)), [series]);

  return (
    <div class="chart">
      <div class="chart-frame" ref={frame} role="img" aria-label={describe(props)} />
      {pointed && <Tip at={pointed} series={series} window={window} />}
    </div>
  );
}

function Tip({ at, series, window }: { at: Pointed; series: Series; window: TimeWindow }) {
  const views = series.views[at.index];
  if (views === undefined) return null;
  const start = series.start_ms + at.index * series.step_ms;
  const end = start + series.step_ms;
  const filling = window.anchored === "now" && end > window.end_ms;
  const time =
    series.step_ms >= DAY_MS ? day(start)
    : series.step_ms > 60_000 ? `${moment(start)} – ${clock(end)}`
    : window.end_ms - window.start_ms > DAY_MS ? moment(start)
    : clock(start);
  const side = at.index > series.views.length / 2 ? "chart-tip is-left" : "chart-tip";
  return (
    <div class={side} style={{ left: `${at.left}px`, top: `${at.top}px` }}>
      <strong>{counted(views, "view")}</strong>
      <span>{filling ? `${time}, so far` : time}</span>
    </div>
  );
}
