// Facts as label and value, and long digests that can be copied.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { say } from "../text";

/** A list of facts. */
export function Facts({ children }: { readonly children: ComponentChildren }) {
  return <dl class="facts">{children}</dl>;
}

interface FactProps {
  readonly label: string;
  readonly children: ComponentChildren;
}

/** One fact. */
export function Fact({ label, children }: FactProps) {
  return (
    <div class="fact">
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** How long the button says that it copied, in milliseconds. */
const COPIED_MS = 2000;

interface DigestProps {
  readonly label: string;
  readonly value: string;
  readonly help?: string;
}

/** A digest in full, over the whole width, with a button that copies it. */
export function Digest({ label, value, help }: DigestProps) {
  const [copied, setCopied] = useState(false);
  const text = say().app;
  async function copy(): Promise<void> {
    await navigator.clipboard.writeText(value).catch(() => undefined);
    setCopied(true);
    setTimeout(() => setCopied(false), COPIED_MS);
  }
  return (
    <div class="fact fact-wide">
      <dt>
        {label}
        <button type="button" class="link small" aria-label={`${text.copy}: ${label}`} onClick={() => void copy()}>
          {copied ? text.copied : text.copy}
        </button>
      </dt>
      <dd>
        <code>{value}</code>
        {help && <p class="help">{help}</p>}
      </dd>
    </div>
  );
}
