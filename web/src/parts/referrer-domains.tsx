import type { ReferrerDomain } from "../live/wire";
import { count } from "../format/number";

export function ReferrerDomains({ domains }: { domains: ReferrerDomain[] }) {
  if (domains.length === 0) return <p class="nothing">No other site sent readers here.</p>;
  return (
    <table class="split domains">
      <thead class="unseen">
        <tr>
          <th scope="col">Domain</th>
          <th scope="col">Class</th>
          <th scope="col">Views</th>
        </tr>
      </thead>
      <tbody>
        {domains.map((one) => (
          <tr key={`${one.class} ${one.domain}`}>
            <th scope="row">
              <span class={`share-dot is-${one.class}`} />
              {one.domain}
            </th>
            <td class="is-quiet">{one.class}</td>
            <td>{count(one.views)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
