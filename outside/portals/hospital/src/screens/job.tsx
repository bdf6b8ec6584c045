// A new patient on the way: bytes sent, stages, the time of the diagnosis; and what to do if
// it does not go through.

import { useEffect, useState } from "preact/hooks";
import { restore } from "../clinic/draft";
import { codeOf, sentence } from "../clinic/failure";
import { drop, type Job as OneJob, job, resume, type Stage, STAGES } from "../clinic/jobs";
import { nameOf } from "../clinic/records";
import { Heading, useTitle } from "../parts/heading";
import { Icon } from "../parts/icon";
import { go, replace } from "../route";
import { say } from "../text";
import { number, size } from "../text/format";

/** How often times are drawn anew, in milliseconds. */
const TICK_MS = 250;

/** The screen. */
export function Job({ id }: { readonly id: number }) {
  const text = say().job;
  useTitle(text.title);
  const one = job(id);
  useEffect(() => {
    if (!one) replace("#/new");
    else if (one.state === "done" && one.study) replace(`#/studies/${one.study}`);
  }, [one === undefined]);
  if (!one) return null;
  return (
    <div class="page page-narrow">
      <p class="over">{one.state === "stopped" ? text.attention : text.title}</p>
      <Heading>{nameOf(one.typed)}</Heading>
      <section class="card">
        <Stages one={one} />
        {one.state === "waiting" && <Waiting one={one} />}
        {one.state === "stopped" && <Stopped one={one} />}
      </section>
      {one.state !== "stopped" && (
        <div class="actions">
          <a class="button secondary" href="#/new">
            {text.next}
            <Icon name="next" />
          </a>
          <p class="help">{text.nextHelp}</p>
        </div>
      )}
    </div>
  );
}

function useNow(on: boolean): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (!on) return;
    const ticking = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(ticking);
  }, [on]);
  return now;
}

function Stages({ one }: { readonly one: OneJob }) {
  const at = STAGES.indexOf(one.stage);
  const text = say().job;
  return (
    <ol class="stages">
      {STAGES.map((stage, index) => {
        const state = index < at ? "done" : index > at ? "open" : one.state === "running" ? "now" : one.state;
        return (
          <li key={stage} class={`stage-${state}`} data-stage={stage} data-state={state} aria-current={state === "now" ? "step" : undefined}>
            <span class="stage-mark">
              {state === "done" ? <Icon name="check" /> : state === "now" || state === "waiting" ? <span class="spinner" /> : state === "stopped" ? <Icon name="cross" /> : null}
            </span>
            <div class="stage-body">
              <span>{text.stages[stage]}</span>
              <StageDetail one={one} stage={stage} />
            </div>
          </li>
        );
      })}
    </ol>
  );
}

function StageDetail({ one, stage }: { readonly one: OneJob; readonly stage: Stage }) {
  const text = say().job;
  const running = stage === "diagnosing" && one.stage === "diagnosing" && one.state === "running";
  const now = useNow(running);
  if (stage === "sending" && one.sent > 0) {
    return (
      <span class="stage-detail">
        <progress max={one.total} value={one.sent} aria-label={text.stages.sending} />
        <span class="muted">{text.sent(size(one.sent), size(one.total))}</span>
      </span>
    );
  }
  if (running && one.asked !== undefined) {
    const seconds = Math.max(0, now - one.asked) / 1000;
    return <span class="muted">{text.elapsed(number(Math.round(seconds * 10) / 10))}</span>;
  }
  return null;
}

function Waiting({ one }: { readonly one: OneJob }) {
  const text = say().job;
  const now = useNow(true);
  const left = Math.max(0, Math.ceil(((one.due ?? now) - now) / 1000));
  return (
    <div class="alert alert-warn">
      <Icon name="alert" />
      <div>
        <p role="status">{text.waiting}</p>
        <p class="help">{text.again(left)}</p>
        <button type="button" class="secondary" onClick={() => resume(one.id)}>
          {text.retry}
        </button>
      </div>
    </div>
  );
}

function Stopped({ one }: { readonly one: OneJob }) {
  const text = say().job;
  const code = codeOf(one.error);
  function edit(): void {
    restore(one, one.troubles ?? {});
    drop(one.id);
    go("#/new");
  }
  function aside(): void {
    drop(one.id);
    go("#/patients");
  }
  return (
    <div class="alert">
      <Icon name="alert" />
      <div>
        <p role="alert">
          <strong>{text.failed}</strong> {sentence(one.error)}
        </p>
        {one.study && <p>{text.admittedAlready}</p>}
        {code && <p class="help">{say().errors.code(code)}</p>}
        <div class="row">
          {!one.troubles && (
            <button type="button" class="primary" onClick={() => resume(one.id)}>
              {text.retry}
            </button>
          )}
          {one.study ? (
            <button type="button" class="secondary" onClick={aside}>
              {text.aside}
            </button>
          ) : (
            <button type="button" class="secondary" onClick={edit}>
              {text.edit}
            </button>
          )}
        </div>
      </div>
    </div>
  );
}
