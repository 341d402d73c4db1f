import { SORTS, type LiveState, type Post } from "../live/wire";
import type { Go, Place } from "../state/place";
import { ShareLegend } from "../charts/share-bar";
import { counted } from "../format/number";
import { Choice } from "./choice";
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
    <Panel
      title="Live list" class="live-panel"
      note={<Choice name="sort" legend="Order" options={ORDERS} value={place.sort} onChange={(sort) => go({ sort })} />}
    >
      <div class="live-tools">
        <ShareLegend />
        <label class="filter">
          <span class="unseen">Filter the list by title, author or section</span>
          <input
            type="search" placeholder="Filter the list" value={place.filter} data-filter autocomplete="off" spellcheck={false}
            onInput={(event) => go({ filter: event.currentTarget.value }, "replace")}
            onKeyDown={(event) => {
              if (event.key !== "Escape") return;
              // The first Escape empties and leaves the field; only another one closes the detail.
              event.preventDefault();
              go({ filter: "" }, "replace");
              event.currentTarget.blur();
            }}
          />
          <kbd aria-hidden="true">/</kbd>
        </label>
      </div>
      {posts.length > 0 && <LiveList place={place} posts={posts} all={state.posts} nowMs={referenceTime(state)} go={go} />}
      {posts.length === 0 && <Nothing place={place} state={state} />}
    </Panel>
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
