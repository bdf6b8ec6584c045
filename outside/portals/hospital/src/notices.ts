// Short notices: something happened elsewhere. Each stays until it is closed or old, and speaks
// the language of the moment.

import { signal } from "@preact/signals";

/** How long a notice stays, in milliseconds: long enough to read it twice. */
const STAY_MS = 12_000;
/** Most notices at once. */
const NOTICES_MAX = 4;

type Kind = "notice" | "good" | "bad";

interface Link {
  readonly href: string;
  readonly label: () => string;
}

/** A notice. */
export interface Notice {
  readonly id: number;
  readonly kind: Kind;
  readonly text: () => string;
  readonly link: Link | undefined;
}

/** The notices that are shown, the newest last. */
export const notices = signal<readonly Notice[]>([]);
let last = 0;

/** Shows a notice. */
export function announce(kind: Kind, text: () => string, link?: Link): void {
  const id = ++last;
  notices.value = [...notices.value, { id, kind, text, link }].slice(-NOTICES_MAX);
  if (kind !== "bad") setTimeout(() => close(id), STAY_MS);
}

/** Takes a notice away. */
export function close(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}
