import { useLayoutEffect, useRef } from "preact/hooks";
import type { Post } from "../live/wire";
import { focusedPost, focusPost, jumpInList, stepThroughList } from "../state/focus";
import type { Go, Place } from "../state/place";
import { LiveRow } from "./live-row";
import { fraction } from "./measure";
import { useSlide } from "./slide";

interface Props {
  place: Place;
  posts: Post[];
  /** Every listed post, so that a filter does not change the bars. */
  all: Post[];
  nowMs: number;
  go: Go;
}

const KEYS: Record<string, () => void> = {
  ArrowDown: () => stepThroughList(1),
  ArrowUp: () => stepThroughList(-1),
  Home: () => jumpInList("first"),
  End: () => jumpInList("last"),
};

/**
 * The roles are written out because the rows are laid out as grids, and some browsers take the
 * table out of a table that is.
 */
export function LiveList({ place, posts, all, nowMs, go }: Props) {
  const body = useRef<HTMLTableSectionElement>(null);
  useSlide(body, posts.map((post) => post.url));
  useKeptFocus();
  const values = all.map((post) => post[place.sort]);

  const onKeyDown = (event: KeyboardEvent) => {
    const act = KEYS[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  };

  return (
    <table class="live" role="table" aria-label="Posts by readers' attention">
      <thead role="rowgroup">
        <tr role="row" class="live-head">
          <th role="columnheader" scope="col" class="cell-rank"><span class="unseen">Rank and movement</span></th>
          <th role="columnheader" scope="col" class="cell-value">{place.sort === "engaged_minutes" ? "Minutes" : place.sort}</th>
          <th role="columnheader" scope="col" class="cell-title">Post</th>
          <th role="columnheader" scope="col" class="cell-spark">Trend</th>
          <th role="columnheader" scope="col" class="cell-shares">Referrers</th>
          {place.sort !== "views" && <th role="columnheader" scope="col" class="cell-side">Views</th>}
          {place.sort !== "visitors" && <th role="columnheader" scope="col" class="cell-side">Visitors</th>}
          {place.sort !== "engaged_minutes" && <th role="columnheader" scope="col" class="cell-side">Minutes</th>}
        </tr>
      </thead>
      <tbody role="rowgroup" ref={body} onKeyDown={onKeyDown}>
        {posts.map((post) => (
          <LiveRow key={post.url} post={post} place={place} size={fraction(post[place.sort], values)} nowMs={nowMs} go={go} />
        ))}
      </tbody>
    </table>
  );
}

/** A row that the browser moves loses the focus; this gives it back to the same post. */
function useKeptFocus(): void {
  const before = focusedPost();
  useLayoutEffect(() => {
    if (before && document.activeElement === document.body) focusPost(before);
  });
}
