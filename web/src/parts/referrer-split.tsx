import { CLASSES, type Shares } from "../live/wire";
import { ShareBar, total } from "../charts/share-bar";
import { count, percent } from "../format/number";
import { Panel } from "./panel";

export function ReferrerSplit({ shares }: { shares: Shares }) {
  return (
    <Panel title="Referrers">
      <SplitTable shares={shares} />
    </Panel>
  );
}

export function SplitTable({ shares }: { shares: Shares }) {
  const all = total(shares);
  return (
    <>
      <ShareBar shares={shares} thick />
      <table class="split">
        <thead class="unseen">
          <tr>
            <th scope="col">Referrer class</th>
            <th scope="col">Share</th>
            <th scope="col">Views</th>
          </tr>
        </thead>
        <tbody>
          {CLASSES.map((name) => (
            <tr key={name}>
              <th scope="row">
                <span class={`share-dot is-${name}`} />
                {name}
              </th>
              <td>{percent(shares[name], all)}</td>
              <td class="is-quiet">{count(shares[name])}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
