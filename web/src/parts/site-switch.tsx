import type { Site } from "../live/wire";
import type { Go } from "../state/place";

interface Props {
  sites: Site[];
  site: string | null;
  go: Go;
}

export function SiteSwitch({ sites, site, go }: Props) {
  if (sites.length === 0) return null;
  return (
    <label class="site-switch">
      <span class="unseen">Site</span>
      <select
        name="site" value={site ?? ""}
        onChange={(event) => go({ site: event.currentTarget.value, post: null, filter: "" })}
      >
        {site === null && <option value="">Choose a site</option>}
        {sites.map((one) => (
          <option key={one.id} value={one.id}>
            {one.title || one.id}
          </option>
        ))}
      </select>
    </label>
  );
}
