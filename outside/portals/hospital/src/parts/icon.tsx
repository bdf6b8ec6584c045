// The few drawings of the page, in one stroke, in the colour of the text beside them.

const PATHS = {
  shield: "M12 3 5 5.600v5.600c0 4.500 2.900 7.700 7 9.300 4.100-1.600 7-4.800 7-9.300V5.600Z",
  check: "m5 12.500 4.500 4.500L19 7.500",
  alert: "M12 4 2.800 19.500h18.400ZM12 10v4.500M12 17.200v.100",
  info: "M12 3.500a8.500 8.500 0 1 0 0 17 8.500 8.500 0 0 0 0-17ZM12 11v5M12 8v.100",
  close: "m6 6 12 12M18 6 6 18",
  cross: "m7 7 10 10M17 7 7 17",
  dash: "M7 12h10",
  image: "M4 5h16v14H4ZM4 16l4.500-4.500 4 4 3-3L20 17M15.500 9.500v.100",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2.500v2M12 19.500v2M2.500 12h2M19.500 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M5.300 18.700l1.400-1.400M17.300 6.700l1.400-1.400",
  moon: "M20 14.500A8.500 8.500 0 0 1 9.500 4 8.500 8.500 0 1 0 20 14.500Z",
  halfmoon: "M12 3.500a8.500 8.500 0 1 0 0 17 8.500 8.500 0 0 0 0-17ZM12 3.500v17M12 8h6.500M12 12h8M12 16h6.500",
  lock: "M6 11h12v9H6ZM8.500 11V8a3.500 3.500 0 0 1 7 0v3",
  download: "M12 4v11M7.500 11 12 15.500 16.500 11M5 20h14",
  refresh: "M19 12a7 7 0 1 1-2.100-5M19 4v4h-4",
  search: "M10.500 4.500a6 6 0 1 0 0 12 6 6 0 0 0 0-12ZM15 15l5 5",
  next: "m9 5 7 7-7 7",
  back: "m15 5-7 7 7 7",
  person: "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM4.500 20c.800-4 3.700-5.500 7.500-5.500s6.700 1.500 7.500 5.500",
} as const;

/** The name of a drawing. */
export type IconName = keyof typeof PATHS;

/** A drawing; it says nothing to screen readers, the text beside it does. */
export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} fill="none" stroke="currentColor" stroke-width="1.800" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}
