import { useLayoutEffect, useRef } from "preact/hooks";

const still = matchMedia("(prefers-reduced-motion: reduce)");
const MOVE: KeyframeAnimationOptions = { duration: 450, easing: "cubic-bezier(.2, .7, .2, 1)" };

/** Lets the rows of a list glide from where they stood to where they stand now. */
export function useSlide(body: { current: HTMLElement | null }, keys: string[]): void {
  const places = useRef(new Map<string, number>());

  useLayoutEffect(() => {
    const before = places.current;
    const now = new Map<string, number>();
    const rows = [...(body.current?.children ?? [])] as HTMLElement[];
    rows.forEach((row, index) => now.set(keys[index] ?? "", row.offsetTop));
    places.current = now;
    if (still.matches || before.size === 0) return;
    rows.forEach((row, index) => {
      const key = keys[index] ?? "";
      const was = before.get(key);
      const is = now.get(key) ?? 0;
      if (was === undefined) row.animate([{ opacity: 0 }, { opacity: 1 }], MOVE);
      else if (was !== is) {
        // The row that climbs passes over the others.
        const zIndex = was > is ? 1 : 0;
        row.animate([{ transform: `translateY(${was - is}px)`, zIndex }, { transform: "none", zIndex }], MOVE);
      }
    });
  });
}
