import uPlot from "uplot";
import { tick } from "../format/time";
import { compact } from "../format/number";
import type { Columns } from "./columns";
import { colour, onThemeChange, token } from "./colours";

export interface Pointed {
  /** Which step the pointer is on, and where it stands within the chart. */
  index: number;
  left: number;
  top: number;
}

function rem(): number {
  return parseFloat(getComputedStyle(document.documentElement).fontSize);
}

/** Room above the highest value, and never a scale so small that one view fills the chart. */
function range(_: uPlot, _low: number, high: number): [number, number] {
  return [0, Math.max(4, high * 1.12)];
}

function options(width: number, height: number, onPoint: (at: Pointed | null) => void): uPlot.Options {
  const size = rem();
  const axis: uPlot.Axis = {
    stroke: () => colour("muted"),
    font: `${Math.round(size * 0.75)}px ${token("font")}`,
    ticks: { show: false },
    grid: { stroke: () => colour("line"), width: 1 },
  };
  const accent = () => colour("accent");
  const lineWidth = Math.max(1.5, size / 9);
  return {
    width,
    height,
    legend: { show: false },
    padding: [size / 2, size * 1.25, 0, 0],
    cursor: { drag: { x: false, y: false }, y: false, points: { size: size * 0.5 } },
    scales: { y: { range } },
    axes: [
      {
        ...axis,
        size: size * 1.5,
        space: size * 5,
        grid: { show: false },
        values: (_, splits) => {
          const gap = ((splits[1] ?? 0) - (splits[0] ?? 0)) * 1000;
          return splits.map((at) => tick(at * 1000, gap));
        },
      },
      {
        ...axis,
        size: size * 2.9,
        space: size * 2,
        incrs: [1, 2, 5].flatMap((base) => [0, 1, 2, 3, 4, 5, 6, 7].map((power) => base * 10 ** power)).sort((a, b) => a - b),
        values: (_, splits) => splits.map(compact),
      },
    ],
    series: [
      {},
      { stroke: accent, width: lineWidth, points: { show: false }, fill: () => colour("accent-wash") },
      // The step that still fills is a ring that climbs: a line to it would always look like a fall.
      {
        stroke: accent,
        paths: () => null,
        points: { show: true, size: size * 0.5, width: lineWidth, stroke: accent, fill: () => colour("surface") },
      },
    ],
    hooks: {
      setCursor: [
        (plot) => {
          const { idx, left, top } = plot.cursor;
          if (idx === null || idx === undefined || left === undefined || left < 0) onPoint(null);
          else {
            const value = plot.data[1]?.[idx] ?? plot.data[2]?.[idx] ?? 0;
            onPoint({
              index: idx,
              left: plot.valToPos(plot.data[0]![idx]!, "x") + plot.over.offsetLeft,
              top: Math.min(plot.valToPos(value, "y"), top ?? 0) + plot.over.offsetTop,
            });
          }
        },
      ],
    },
  };
}

/** A uPlot that keeps the size of its element and the colours of the theme. */
export class Plot {
  private readonly plot: uPlot;
  private readonly resizes: ResizeObserver;
  private readonly forgetTheme: () => void;

  constructor(element: HTMLElement, data: Columns, onPoint: (at: Pointed | null) => void) {
    const { clientWidth, clientHeight } = element;
    this.plot = new uPlot(options(clientWidth || 320, clientHeight || 160, onPoint), data, element);
    this.resizes = new ResizeObserver(() => {
      if (element.clientWidth && element.clientHeight) {
        this.plot.setSize({ width: element.clientWidth, height: element.clientHeight });
      }
    });
    this.resizes.observe(element);
    this.forgetTheme = onThemeChange(() => this.plot.redraw(false, true));
  }

  update(data: Columns): void {
    this.plot.setData(data);
  }

  destroy(): void {
    this.resizes.disconnect();
    this.forgetTheme();
    this.plot.destroy();
  }
}
