// Dates, ages, sizes and numbers as the reader's language writes them.

import { computed } from "@preact/signals";
import { language } from "./index";

const formats = computed(() => {
  const tag = language.value === "en" ? englishOf(navigator.languages) : "de";
  return {
    number: new Intl.NumberFormat(tag, { maximumFractionDigits: 1 }),
    percent: new Intl.NumberFormat(tag, { style: "percent", maximumFractionDigits: 1 }),
    clock: new Intl.DateTimeFormat(tag, { hour: "2-digit", minute: "2-digit", second: "2-digit" }),
    moment: new Intl.DateTimeFormat(tag, { dateStyle: "medium", timeStyle: "short" }),
    day: new Intl.DateTimeFormat(tag, { dateStyle: "medium", timeZone: "UTC" }),
    ago: new Intl.RelativeTimeFormat(tag, { numeric: "always" }),
  };
});

/** British or American dates, where the reader's browser says which. */
function englishOf(languages: readonly string[]): string {
  return languages.find((tag) => tag.startsWith("en")) ?? "en-GB";
}

const MINUTE = 60;
const HOUR = 3600;
const BYTES_PER_MEGABYTE = 1_000_000;
const BYTES_PER_KILOBYTE = 1000;

/** A count or a measure. */
export function number(value: number): string {
  return formats.value.number.format(value);
}

/** A probability. */
export function percent(value: number): string {
  return formats.value.percent.format(value);
}

/** The time of day of a moment in milliseconds. */
export function clock(milliseconds: number): string {
  return formats.value.clock.format(milliseconds);
}

/** Day and time of a moment in milliseconds. */
export function moment(milliseconds: number): string {
  return formats.value.moment.format(milliseconds);
}

/** A day `YYYY-MM-DD`; as it is, if it is none. */
export function day(date: string): string {
  const at = Date.parse(`${date}T00:00:00Z`);
  return Number.isNaN(at) ? date : formats.value.day.format(at);
}

/** How long ago something was. */
export function ago(seconds: number): string {
  const past = Math.max(0, Math.round(seconds));
  if (past < MINUTE) return formats.value.ago.format(-past, "second");
  if (past < HOUR) return formats.value.ago.format(-Math.floor(past / MINUTE), "minute");
  return formats.value.ago.format(-Math.floor(past / HOUR), "hour");
}

/** A size in bytes. */
export function size(bytes: number): string {
  if (bytes >= BYTES_PER_MEGABYTE) return `${number(bytes / BYTES_PER_MEGABYTE)} MB`;
  if (bytes >= BYTES_PER_KILOBYTE) return `${number(Math.round(bytes / BYTES_PER_KILOBYTE))} kB`;
  return `${number(bytes)} B`;
}
