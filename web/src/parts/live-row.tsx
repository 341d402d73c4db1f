import type { Post } from "../live/wire";
import { placeHref, type Go, type Place } from "../state/place";
import { ShareBar } from "../charts/share-bar";
import { Sparkline } from "../charts/sparkline";
import { count, minutes } from "../format/number";
import { Byline } from "./byline";
import { measure } from "./measure";
import { MoveMark } from "./move-mark";
import { postLabel } from "./post-label";

interface Props {
  post: Post;
  place: Place;
  /** The length of this row's bar, between 0 and 1. */
  size: number;
  nowMs: number;
  go: Go;
}

export function LiveRow({ post, place, size, nowMs, go }: Props) {
  const open = place.post === post.url;

  const onClick = (event: MouseEvent) => {
    // A click with a modifier on the title is the browser's: it opens another tab.
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    // Somebody who marks text in a row wants to copy it.
    if (getSelection()?.type === "Range") return;
    event.preventDefault();
    go({ post: open ? null : post.url });
  };

  return (
    <tr role="row" class={open ? "live-row is-open" : "live-row"} onClick={onClick}>
      <td role="cell" class="cell-rank">
        <span class="rank">{post.rank}</span>
        <MoveMark move={post.move} />
      </td>
      <td role="cell" class="cell-value">
        <span class="value">{measure(post, place.sort)}</span>
        <span class="bar" aria-hidden="true">
          <span style={{ transform: `scaleX(${size})` }} />
        </span>
      </td>
      <td role="cell" class="cell-title">
        <a class="post-title" href={placeHref({ ...place, post: post.url })} data-post={post.url} dir="auto" aria-expanded={open}>
          {postLabel(post)}
        </a>
        <Byline author={post.author} section={post.section} pubMs={post.pub_date_ms} nowMs={nowMs} />
      </td>
      <td role="cell" class="cell-spark">
        <Sparkline points={post.spark} />
      </td>
      <td role="cell" class="cell-shares">
        <ShareBar shares={post.referrers} />
      </td>
      {place.sort !== "views" && <td role="cell" class="cell-side">{count(post.views)}</td>}
      {place.sort !== "visitors" && <td role="cell" class="cell-side">{count(post.visitors)}</td>}
      {place.sort !== "engaged_minutes" && <td role="cell" class="cell-side">{minutes(post.engaged_minutes)}</td>}
    </tr>
  );
}
