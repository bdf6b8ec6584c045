// A new patient: a name and an image. Errors stand beside their fields; what was typed stays
// until it went through.

import { useEffect, useRef } from "preact/hooks";
import * as draft from "../clinic/draft";
import { begin } from "../clinic/jobs";
import { line } from "../clinic/line";
import type { Typed } from "../clinic/records";
import { may } from "../clinic/staff";
import { Drop } from "../parts/drop";
import { Labelled, TextField } from "../parts/field";
import { Heading, useTitle } from "../parts/heading";
import { Icon } from "../parts/icon";
import { Running } from "../parts/running";
import { go } from "../route";
import { say } from "../text";
import { focusWrong } from "./sign-in";

/** The screen. */
export function Intake() {
  const text = say().intake;
  useTitle(text.title);
  const form = useRef<HTMLFormElement>(null);
  // The clerk types at once: forty patients a day.
  useEffect(() => form.current?.querySelector<HTMLElement>("[name=family]")?.focus(), []);
  if (!may("admit")) {
    return (
      <div class="page page-narrow">
        <Heading>{text.title}</Heading>
        <p>{text.notAllowed}</p>
      </div>
    );
  }

  function submit(event: Event): void {
    event.preventDefault();
    const [typed, chosen] = [draft.typed.value, draft.chosen.value];
    const wrong = draft.examine(typed, chosen);
    draft.troubles.value = wrong;
    if (Object.keys(wrong).length > 0 || !chosen) return focusWrong(form.current);
    if (line.value.state === "refused" || line.value.state === "untrusting") return;
    const job = begin(typed, chosen, draft.keyFor({ typed, chosen }));
    draft.clear();
    go(`#/sending/${job.id}`);
  }

  return (
    <div class="page">
      <Heading quietly>{text.title}</Heading>
      <p class="lead">{text.lead}</p>
      <Running />
      <form ref={form} class="columns" noValidate onSubmit={submit}>
        <PatientFields />
        <ImageField />
        <Actions />
      </form>
    </div>
  );
}

/** Types into one member of the form, and forgets what was wrong with it. */
function set(name: keyof Typed, value: string): void {
  draft.typed.value = { ...draft.typed.value, [name]: value };
  if (name in draft.troubles.value) {
    const { [name as draft.FieldName]: _gone, ...left } = draft.troubles.value;
    draft.troubles.value = left;
  }
}

function trouble(name: draft.FieldName): string | undefined {
  const found = draft.troubles.value[name];
  return found && say().intake.errors[found];
}

function PatientFields() {
  const text = say().intake;
  const now = draft.typed.value;
  const field = (name: Exclude<keyof Typed, "gender">) => ({
    value: now[name],
    trouble: trouble(name),
    onText: (value: string) => set(name, value),
    autoComplete: "off",
    spellcheck: false,
  });
  return (
    <fieldset class="card">
      <legend>{text.patient}</legend>
      <div class="fields">
        <TextField label={text.family} {...field("family")} name="family" required />
        <TextField label={text.given} {...field("given")} name="given" optional />
        <TextField label={text.birthDate} {...field("birthDate")} name="birthDate" type="date" min="1880-01-01" optional />
        <Labelled label={text.gender} optional>
          {(inner) => (
            <select {...inner} name="gender" value={now.gender} onChange={(event) => set("gender", event.currentTarget.value)}>
              {Object.entries(text.genders).map(([code, name]) => (
                <option key={code} value={code}>
                  {name}
                </option>
              ))}
            </select>
          )}
        </Labelled>
        <TextField label={text.identifier} {...field("identifier")} name="identifier" optional />
      </div>
    </fieldset>
  );
}

function ImageField() {
  return (
    <fieldset class="card">
      <legend>{say().intake.image}</legend>
      <Drop
        chosen={draft.chosen.value}
        trouble={trouble("image")}
        onChosen={(chosen, wrong) => {
          draft.chosen.value = chosen;
          const { image: _gone, ...left } = draft.troubles.value;
          draft.troubles.value = wrong ? { ...left, image: wrong } : left;
        }}
      />
    </fieldset>
  );
}

function Actions() {
  const text = say().intake;
  const count = Object.keys(draft.troubles.value).length;
  const open = line.value.state !== "refused" && line.value.state !== "untrusting";
  return (
    <div class="actions">
      {count > 0 && (
        <p class="alert" role="alert">
          <Icon name="alert" />
          {text.errors.summary(count)}
        </p>
      )}
      <button type="submit" class="primary" disabled={!open}>
        <Icon name="lock" />
        {text.submit}
      </button>
      <button type="button" class="quiet" onClick={draft.clear}>
        {text.clear}
      </button>
      {!open && <p class="help">{say().signIn.blocked}</p>}
    </div>
  );
}
