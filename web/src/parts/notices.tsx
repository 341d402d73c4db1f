import type { LiveState } from "../live/wire";
import { longDay } from "../format/time";

/** What a reader must know before believing the numbers. */
export function Notices({ state }: { state: LiveState }) {
  const { site, window } = state;
  const old = window.anchored === "last";
  if (!site.generated && !site.importing && !old) return null;
  return (
    <ul class="notices" aria-label="About these numbers">
      {site.generated && (
        <li class="notice is-generated" data-notice="generated" title="made by the demo, not by readers">
          <strong>Generated data</strong>
          <span class="notice-why">made by the demo, not by readers</span>
        </li>
      )}
      {site.importing && (
        <li class="notice is-importing" data-notice="importing">
          <strong>Importing…</strong>
          <span class="notice-why">the numbers still grow</span>
        </li>
      )}
      {old && (
        <li class="notice" data-notice="anchored">
          <strong>Newest data: {longDay(window.end_ms)}</strong>
          <span class="notice-why">the window ends there, not now</span>
        </li>
      )}
    </ul>
  );
}
