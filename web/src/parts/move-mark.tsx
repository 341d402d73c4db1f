/** Ranks gained or lost within a minute: a shape, a number and words, never colour alone. */
export function MoveMark({ move }: { move: number | null }) {
  if (move === null) return <span class="move is-new">new</span>;
  if (move === 0) return null;
  const up = move > 0;
  const by = Math.abs(move);
  return (
    <span class={up ? "move is-up" : "move is-down"}>
      <span aria-hidden="true">{up ? "▲" : "▼"}{by}</span>
      <span class="unseen">{up ? "up" : "down"} {by}</span>
    </span>
  );
}
