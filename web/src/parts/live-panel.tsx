import { SORTS, type LiveState, type Post } from "../live/wire";
import type { Go, Place } from "../state/place";
import { ShareLegend } from "../charts/share-bar";
import { counted } from "../format/number";
import { Choice } from "./choice";
import { Filter } from "./filter";
import { LiveList } from "./live-list";
import { MEASURE_NAMES } from "./measure";
import { Panel } from "./panel";
import { postLabel } from "./post-label";

const ORDERS = SORTS.map((value) => ({ value, label: MEASURE_NAMES[value], title: `order by ${MEASURE_NAMES[value]}` }));

function matches(post: Post, filter: string): boolean {
  const wanted = filter.trim().toLowerCase();
  if (!wanted) return true;
  const texts = [postLabel(post), post.url, post.author, post.section];
  return texts.some((text) => text?.toLowerCase().includes(wanted));
}

interface Props {
  place: Place;
  state: LiveState;
  go: Go;
}

export function LivePanel({ place, state, go }: Props) {
  const posts = state.posts.filter((post) => matches(post, place.filter));
  return (
    <Panel title="Live list" class="live-panel" note={<Tools place={place} go={go} />}>
      {posts.length > 0 && <LiveList place={place} posts={posts} all={state.posts} nowMs={referenceTime(state)} go={go} />}
      {posts.length === 0 && <Nothing place={place} state={state} />}
    </Panel>
  );
}

function Tools({ place, go }: { place: Place; go: Go }) {
  return (
    <div class="live-tools">
      <ShareLegend />
      <Choice name="sort" legend="Order" options={ORDERS} value={place.sort} onChange={(sort) => go({ sort })} />
      <Filter value={place.filter} go={go} />
    </div>
  );
}

/** In an old window a post is as old as it was then, not as it is today. */
export function referenceTime({ window, now_ms }: LiveState): number {
  return window.anchored === "last" ? window.end_ms : now_ms;
}

function Nothing({ place, state }: { place: Place; state: LiveState }) {
  if (state.posts.length > 0) {
    return <p class="nothing">None of the {counted(state.posts.length, "listed post")} matches “{place.filter}”.</p>;
  }
  return <p class="nothing">{state.site.importing ? "The import has just begun." : "No views in this window."}</p>;
}
