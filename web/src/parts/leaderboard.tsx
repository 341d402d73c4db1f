import type { Leader, Sort } from "../live/wire";
import { fraction, measure, MEASURE_NAMES } from "./measure";
import { Panel } from "./panel";

interface Props {
  title: string;
  leaders: Leader[];
  sort: Sort;
  onChoose(name: string): void;
}

export function Leaderboard({ title, leaders, sort, onChoose }: Props) {
  const all = leaders.map((leader) => leader[sort]);
  return (
    <Panel title={title} note={<span class="panel-note">{MEASURE_NAMES[sort]}</span>}>
      {leaders.length === 0 && <p class="nothing">The pages of this window name no {title.toLowerCase()}.</p>}
      <ol class="leaders">
        {leaders.map((leader) => (
          <li key={leader.name}>
            <button type="button" onClick={() => onChoose(leader.name)} title="Show only the posts that match">
              <span class="leader-name" dir="auto">{leader.name}</span>
              <span class="leader-value">{measure(leader, sort)}</span>
              <span class="bar" aria-hidden="true">
                <span style={{ transform: `scaleX(${fraction(leader[sort], all)})` }} />
              </span>
            </button>
          </li>
        ))}
      </ol>
    </Panel>
  );
}
