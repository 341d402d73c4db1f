import type { LiveState } from "../live/wire";
import { count, minutes } from "../format/number";

function Figure({ label, value, lead = false }: { label: string; value: string; lead?: boolean }) {
  return (
    <div class={lead ? "figure is-lead" : "figure"}>
      <dt>{label}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** Nobody reads an old window now, so there the views lead and the present comes last. */
export function Totals({ state: { totals, window } }: { state: LiveState }) {
  const old = window.anchored === "last";
  const present = [
    <Figure key="reading" label="Reading now" value={count(totals.reading_now)} lead={!old} />,
    <Figure key="rate" label="Views per minute" value={count(totals.views_per_minute)} />,
  ];
  return (
    <dl class="totals">
      {!old && present}
      <Figure key="views" label="Views" value={count(totals.views)} lead={old} />
      <Figure key="visitors" label="Visitors" value={count(totals.visitors)} />
      <Figure key="minutes" label="Engaged minutes" value={minutes(totals.engaged_minutes)} />
      {old && present}
    </dl>
  );
}
