import type { PostDetail } from "../live/wire";
import { count, percent } from "../format/number";

const KINDS = ["desktop", "mobile", "tablet"] as const;

export function Devices({ devices }: { devices: PostDetail["devices"] }) {
  const all = KINDS.reduce((sum, kind) => sum + (devices[kind] ?? 0), 0);
  if (!all) return <p class="nothing">No devices are known.</p>;
  return (
    <dl class="devices">
      {KINDS.map((kind) => (
        <div key={kind}>
          <dt>{kind}</dt>
          <dd>{percent(devices[kind] ?? 0, all)}</dd>
          <dd class="is-quiet">{count(devices[kind] ?? 0)}</dd>
          <dd class="bar" aria-hidden="true">
            <span style={{ transform: `scaleX(${(devices[kind] ?? 0) / all})` }} />
          </dd>
        </div>
      ))}
    </dl>
  );
}
