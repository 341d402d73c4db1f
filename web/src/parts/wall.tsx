import { ViewsChart } from "../charts/views-chart";
import { ShareLegend } from "../charts/share-bar";
import { stepName } from "../format/time";
import type { BoardProps } from "./board";
import { Connection } from "./connection";
import { LiveList } from "./live-list";
import { referenceTime } from "./live-panel";
import { Notices } from "./notices";
import { Totals } from "./totals";
import { windowTitle } from "./window-choice";

const ROWS = 10;

/** The big board: everything sized for a screen on a wall, nothing to press. */
export function Wall({ place, live, state, go }: BoardProps) {
  const posts = state.posts.slice(0, ROWS);
  return (
    <main class="wall" aria-busy={live.waiting}>
      <div class="wall-side">
        <h1>{state.site.title}</h1>
        <Notices state={state} />
        <Totals state={state} />
        <section class="wall-chart" aria-label="Views over time">
          <h2>Views per {stepName(state.series.step_ms)}</h2>
          <ViewsChart series={state.series} window={state.window} of={state.site.title} />
        </section>
      </div>
      <div class="wall-main">
        <div class="wall-head">
          <h2>{windowTitle(state.window.label)}</h2>
          <ShareLegend />
          <Connection link={live.link} nowMs={state.now_ms} />
        </div>
        {posts.length > 0
          ? <LiveList place={place} posts={posts} all={posts} nowMs={referenceTime(state)} go={go} />
          : <p class="nothing">No views in this window.</p>}
      </div>
    </main>
  );
}
