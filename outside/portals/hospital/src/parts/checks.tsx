// A list of checks, each in plain words, with what came of it.

import { say } from "../text";
import { Icon } from "./icon";

/** What came of a check. */
export type Outcome = "ok" | "failed" | "open" | "skipped";

/** One check as it is listed. */
export interface Checked {
  readonly id: string;
  readonly text: string;
  readonly outcome: Outcome;
  readonly code?: string | undefined;
}

const ICONS = { ok: "check", failed: "cross", open: "dash", skipped: "dash" } as const;

/** The list. */
export function Checks({ checks }: { readonly checks: readonly Checked[] }) {
  return (
    <ol class="checks">
      {checks.map(({ id, text, outcome, code }) => (
        <li key={id} class={`check check-${outcome}`} data-check={id} data-outcome={outcome}>
          <span class="check-mark">
            <Icon name={ICONS[outcome]} />
          </span>
          <div>
            <p>
              {text}
              <span class="unseen"> ({outcome === "skipped" ? say().notCompared : say().stepState[outcome]})</span>
            </p>
            {outcome === "skipped" && <p class="help">{say().notCompared}</p>}
            {outcome === "failed" && code && <p class="help">{say().errors.code(code)}</p>}
          </div>
        </li>
      ))}
    </ol>
  );
}
