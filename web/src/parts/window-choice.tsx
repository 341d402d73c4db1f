import { WINDOWS, type WindowLabel } from "../live/wire";
import type { Go } from "../state/place";
import { Choice } from "./choice";

const TITLES: Record<WindowLabel, string> = {
  "15m": "the last 15 minutes",
  "1h": "the last hour",
  "4h": "the last 4 hours",
  "24h": "the last 24 hours",
  "7d": "the last 7 days",
  "30d": "the last 30 days",
  all: "everything",
};

const OPTIONS = WINDOWS.map((value) => ({ value, label: value, title: TITLES[value] }));

export function windowTitle(label: string): string {
  return (TITLES as Record<string, string>)[label] ?? label;
}

export function WindowChoice({ value, go }: { value: WindowLabel; go: Go }) {
  return <Choice name="window" legend="Time window" options={OPTIONS} value={value} onChange={(window) => go({ window })} />;
}
