const whole = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat("en-GB", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const short = new Intl.NumberFormat("en-GB", { notation: "compact", maximumFractionDigits: 1 });

export function count(value: number): string {
  return whole.format(value);
}

/** Minutes keep one decimal while they are few, because half a minute matters then. */
export function minutes(value: number): string {
  return value < 99.95 ? tenth.format(value) : whole.format(value);
}

export function compact(value: number): string {
  return Math.abs(value) < 10_000 ? whole.format(value) : short.format(value);
}

export function percent(part: number, of: number): string {
  if (of <= 0) return "0 %";
  const share = (100 * part) / of;
  // A share that exists must not read as none.
  return share > 0 && share < 1 ? "<1 %" : `${whole.format(share)} %`;
}

/** "1 view", "2 views": the noun follows the number. */
export function counted(value: number, noun: string, plural = `${noun}s`): string {
  return `${count(value)} ${Math.round(value) === 1 ? noun : plural}`;
}
