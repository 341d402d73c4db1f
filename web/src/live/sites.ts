import { useEffect, useState } from "preact/hooks";
import { readPlace } from "../state/place";
import { sitesAddress } from "./address";
import type { Site } from "./wire";

export interface Sites {
  list: Site[] | null;
  failure: string | null;
}

const REFRESH_MS = 60_000;
const RETRY_MS = 3_000;

async function fetchSites(): Promise<Site[]> {
  const answer = await fetch(sitesAddress(readPlace(location.search).secret), { cache: "no-store" });
  if (!answer.ok) throw new Error(`the server answered ${answer.status} ${answer.statusText}`.trim());
  const body = (await answer.json()) as { sites?: Site[] };
  if (!Array.isArray(body.sites)) throw new Error("the server's answer holds no list of sites");
  return body.sites;
}

/** The sites of this server, asked for again now and then because sites come and imports end. */
export function useSites(): Sites {
  const [sites, setSites] = useState<Sites>({ list: null, failure: null });

  useEffect(() => {
    let timer = 0;
    let stopped = false;
    let known = false;
    const load = async () => {
      let delay = REFRESH_MS;
      try {
        if (document.visibilityState === "visible" || !known) {
          const list = await fetchSites();
          known = true;
          if (!stopped) setSites({ list, failure: null });
        }
      } catch (error) {
        delay = RETRY_MS;
        const failure = error instanceof Error ? error.message : String(error);
        // A list that was read once stays good: the stream tells about the connection by then.
        if (!stopped) setSites((before) => ({ list: before.list, failure }));
      }
      if (!stopped) timer = window.setTimeout(load, delay);
    };
    void load();
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }, []);

  return sites;
}
