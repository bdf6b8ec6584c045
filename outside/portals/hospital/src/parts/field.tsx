// A labelled field with its help and its error, tied together for screen readers.

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { say } from "../text";
import { Icon } from "./icon";

interface Around {
  readonly label: string;
  readonly help?: string | undefined;
  readonly trouble?: string | undefined;
  readonly optional?: boolean;
}

interface Inner {
  readonly id: string;
  readonly "aria-describedby": string | undefined;
  readonly "aria-invalid": boolean | undefined;
}

/** Label, help and error around what is typed into. */
export function Labelled({ label, help, trouble, optional, children }: Around & { readonly children: (inner: Inner) => ComponentChildren }) {
  const id = useId();
  const [helpId, troubleId] = [`${id}-help`, `${id}-trouble`];
  const described = [help && helpId, trouble && troubleId].filter(Boolean).join(" ") || undefined;
  return (
    <div class={trouble ? "field field-wrong" : "field"}>
      <label for={id}>
        {label}
        {optional && <span class="optional"> {say().intake.optional}</span>}
      </label>
      {children({ id, "aria-describedby": described, "aria-invalid": trouble ? true : undefined })}
      {help && (
        <p class="help" id={helpId}>
          {help}
        </p>
      )}
      {trouble && <Trouble id={troubleId} text={trouble} />}
    </div>
  );
}

/** What is wrong with a field. */
export function Trouble({ id, text }: { readonly id: string; readonly text: string }) {
  return (
    <p class="trouble" id={id}>
      <Icon name="alert" />
      {text}
    </p>
  );
}

type InputProps = Around & {
  readonly value: string;
  readonly onText: (text: string) => void;
  readonly name: string;
  readonly type?: "text" | "password" | "date";
  readonly autoComplete?: string;
  readonly autoCapitalize?: "none";
  readonly inputMode?: "numeric";
  readonly spellcheck?: boolean;
  readonly maxLength?: number;
  readonly min?: string;
  readonly required?: boolean;
};

/** A text field. */
export function TextField({ label, help, trouble, optional, value, onText, type = "text", ...input }: InputProps) {
  return (
    <Labelled label={label} help={help} trouble={trouble} optional={optional ?? false}>
      {(inner) => <input type={type as "text"} {...input} {...inner} value={value} onInput={(event) => onText(event.currentTarget.value)} />}
    </Labelled>
  );
}
