import { useEffect, useRef } from "preact/hooks";
import type { LiveState, PostDetail } from "../live/wire";
import { focusPost } from "../state/focus";
import type { Go, Place } from "../state/place";
import { Detail } from "./detail";
import { Icon } from "./icon";
import { referenceTime } from "./live-panel";
import { postLabel } from "./post-label";

interface Props {
  place: Place;
  state: LiveState;
  go: Go;
}

export function DetailPanel({ place, state, go }: Props) {
  const url = place.post ?? "";
  const heading = useRef<HTMLHeadingElement>(null);
  // The stream answers for the former post until it has been opened anew.
  const detail: PostDetail | null = state.post?.url === url ? state.post : null;
  const listed = state.posts.find((post) => post.url === url);

  useEffect(() => {
    // Whoever opened the detail is taken to it; a page that loads with one open moves nothing.
    if (document.activeElement !== document.body) heading.current?.focus();
  }, [url]);

  // Going back to the row keeps a keyboard reader's place in the list.
  useEffect(() => () => requestAnimationFrame(() => {
    if (document.activeElement === document.body) focusPost(url);
  }), [url]);

  return (
    <section class="detail panel" aria-labelledby="detail-title">
      <div class="detail-head">
        <h2 id="detail-title" ref={heading} tabIndex={-1} dir="auto">
          {detail ? postLabel(detail) : listed ? postLabel(listed) : url}
        </h2>
        <button type="button" class="tool" onClick={() => go({ post: null })} aria-label="Close the detail" title="close (Esc)">
          <Icon name="close" />
        </button>
      </div>
      {detail ? (
        <Detail post={detail} window={state.window} sort={place.sort} nowMs={referenceTime(state)} />
      ) : (
        <p class="nothing">{listed ? "Asking for the detail…" : "No views of this post in this window."}</p>
      )}
    </section>
  );
}
