import { useEffect, useState } from "preact/hooks";
import { streamAddress } from "./address";
import { LiveStream, type Link } from "./stream";
import type { LiveState } from "./wire";
import type { Place } from "../state/place";

export interface Live {
  state: LiveState | null;
  link: Link;
  /** The state on the page still answers the former question; the next one is on its way. */
  waiting: boolean;
}

/** Holds the tab's stream open for what the page shows, and opens another when that changes. */
export function useLive(place: Place, site: string | null): Live {
  const address = site === null ? null : streamAddress(place, site);
  const [link, setLink] = useState<Link>("connecting");
  const [latest, setLatest] = useState<{ address: string; state: LiveState } | null>(null);

  useEffect(() => {
    if (address === null) return;
    const stream = new LiveStream(address, {
      onState: (state) => setLatest({ address, state }),
      onLink: setLink,
    });
    stream.start();
    return () => stream.stop();
  }, [address]);

  // Numbers of another site must never stand under this site's name, not even for a moment.
  const state = latest && latest.state.site.id === site ? latest.state : null;
  return { state, link, waiting: state !== null && latest?.address !== address };
}
