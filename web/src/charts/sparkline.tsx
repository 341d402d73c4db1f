const WIDTH = 120;
const HEIGHT = 28;
const EDGE = 2.5;

/** A small line without axes. The numbers beside it say the rest, so it is left out of the text. */
export function Sparkline({ points }: { points: number[] }) {
  const top = Math.max(1, ...points);
  const x = (index: number) => EDGE + (index * (WIDTH - 2 * EDGE)) / Math.max(1, points.length - 1);
  const y = (value: number) => HEIGHT - EDGE - (value / top) * (HEIGHT - 2 * EDGE);
  const line = points.map((value, index) => `${index ? "L" : "M"}${x(index).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  const end = points.length - 1;
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true" focusable="false">
      {end > 0 && <path class="spark-area" d={`${line}L${x(end)} ${HEIGHT}L${x(0)} ${HEIGHT}Z`} />}
      {end > 0 && <path class="spark-line" d={line} />}
      {end >= 0 && <circle class="spark-end" cx={x(end)} cy={y(points[end] ?? 0)} r="2.5" />}
    </svg>
  );
}
