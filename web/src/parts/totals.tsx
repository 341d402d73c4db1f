import type { Totals as Values } from "../live/wire";
import { count, minutes } from "../format/number";

function Figure({ label, value, lead = false }: { label: string; value: string; lead?: boolean }) {
  return (
    <div class={lead ? "figure is-lead" : "figure"}>
      <dt>{label}</dt>
      <dd>{value}</dd>
    </div>
  );
}

export function Totals({ totals }: { totals: Values }) {
  return (
    <dl class="totals">
      <Figure label="Reading now" value={count(totals.reading_now)} lead />
      <Figure label="Views per minute" value={count(totals.views_per_minute)} />
      <Figure label="Views" value={count(totals.views)} />
      <Figure label="Visitors" value={count(totals.visitors)} />
      <Figure label="Engaged minutes" value={minutes(totals.engaged_minutes)} />
    </dl>
  );
}
