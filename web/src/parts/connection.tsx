import type { Link } from "../live/stream";
import { clockSeconds } from "../format/time";

const WORDS: Record<Link, string> = {
  connecting: "Connecting",
  live: "Live",
  reconnecting: "Reconnecting",
  paused: "Paused",
};

/** Only the word is announced. The time beside it changes every second and would never be quiet. */
export function Connection({ link, nowMs }: { link: Link; nowMs: number | null }) {
  return (
    <div class={`connection is-${link}`}>
      <span class="connection-dot" />
      <span role="status">{WORDS[link]}</span>
      {nowMs !== null && (
        <time class="connection-time" dateTime={new Date(nowMs).toISOString()} title="Time of the newest change on this page">
          {clockSeconds(nowMs)}
        </time>
      )}
    </div>
  );
}
