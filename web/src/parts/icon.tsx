const SHAPES = {
  tide: "M3 9c3-3.6 6-3.6 9 0s6 3.6 9 0M3 15.5c3-3.6 6-3.6 9 0s6 3.6 9 0",
  sun: "M12 8a4 4 0 1 0 0 8a4 4 0 1 0 0-8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M5 19l1.4-1.4M17.6 6.4L19 5",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4A8.5 8.5 0 1 0 20 14.5Z",
  wall: "M3 5h18v11H3ZM9 20h6M12 16v4",
  help: "M9 9a3 3 0 1 1 4.5 2.6c-1 .6-1.5 1.2-1.5 2.4M12 17.5v.1",
  close: "M6 6l12 12M18 6L6 18",
  out: "M14 4h6v6M20 4l-9 9M18 14v5H5V6h5",
} as const;

/** Icons are only ever seen: the control around them carries the words. */
export function Icon({ name }: { name: keyof typeof SHAPES }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={SHAPES[name]} />
    </svg>
  );
}
