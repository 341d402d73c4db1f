import type { Link } from "../live/stream";
import type { Site } from "../live/wire";
import { placeHref, type Go, type Place } from "../state/place";

export function Loading({ link }: { link: Link }) {
  return (
    <main class="message" aria-busy="true">
      <p>{link === "reconnecting" ? "The server does not answer. Trying again…" : "Waiting for the first numbers…"}</p>
    </main>
  );
}

export function Failure({ reason }: { reason: string }) {
  return (
    <main class="message">
      <h1>The server cannot be reached</h1>
      <p>Asking it for its sites failed: {reason}.</p>
      <p>This page tries again every few seconds. If that does not help, see whether Tidemill is running.</p>
    </main>
  );
}

export function NoSite() {
  return (
    <main class="message">
      <h1>No site yet</h1>
      <p>This server knows no site to count for. Name one in its configuration, and it appears here.</p>
    </main>
  );
}

export function UnknownSite({ place, sites, go }: { place: Place; sites: Site[]; go: Go }) {
  return (
    <main class="message">
      <h1>There is no site “{place.site}” here</h1>
      <p>These are the sites of this server:</p>
      <ul>
        {sites.map((site) => (
          <li key={site.id}>
            <a
              href={placeHref({ ...place, site: site.id, post: null })}
              onClick={(event) => {
                event.preventDefault();
                go({ site: site.id, post: null });
              }}
            >
              {site.title || site.id}
            </a>
          </li>
        ))}
      </ul>
    </main>
  );
}
