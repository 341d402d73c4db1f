import type { Live } from "../live/live";
import type { LiveState } from "../live/wire";
import type { Go, Place } from "../state/place";
import { useNarrow } from "../state/media";
import { counted } from "../format/number";
import { stepName } from "../format/time";
import { ViewsChart } from "../charts/views-chart";
import { Leaderboard } from "./leaderboard";
import { LivePanel } from "./live-panel";
import { Panel } from "./panel";
import { DetailPanel } from "./detail-panel";
import { ReferrerSplit } from "./referrer-split";
import { Totals } from "./totals";

export interface BoardProps {
  place: Place;
  live: Live;
  state: LiveState;
  go: Go;
}

export function Board({ place, live, state, go }: BoardProps) {
  const narrow = useNarrow();
  const open = place.post !== null;
  const filterBy = (filter: string) => go({ filter }, "replace");
  return (
    <main class={open ? "board has-detail" : "board"} aria-busy={live.waiting}>
      {/* On a small screen the detail covers the board, which must then be out of the keyboard's reach. */}
      <div class="board-main" inert={open && narrow}>
        <h1 class="unseen">{state.site.title}, live</h1>
        <Totals state={state} />
        <Panel title={`Views per ${stepName(state.series.step_ms)}`} class="views-panel" note={<Bots bots={state.totals.bots} />}>
          <ViewsChart series={state.series} window={state.window} of={state.site.title} />
        </Panel>
        <LivePanel place={place} state={state} go={go} />
      </div>
      {open && <DetailPanel place={place} state={state} go={go} />}
      <div class="board-side" inert={open}>
        <ReferrerSplit shares={state.referrers} />
        <Leaderboard title="Authors" leaders={state.authors} sort={place.sort} onChoose={filterBy} />
        <Leaderboard title="Sections" leaders={state.sections} sort={place.sort} onChoose={filterBy} />
      </div>
    </main>
  );
}

function Bots({ bots }: { bots: number }) {
  if (!bots) return null;
  return <span class="panel-note">{counted(bots, "view")} by bots left out</span>;
}
