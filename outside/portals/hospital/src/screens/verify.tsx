// What was verified, and about whom, in plain words: the panel behind the banner's "details".

import type { VerifiedEnclave } from "@autoclave/sealer";
import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { failedCheck } from "../clinic/failure";
import { check, contact, type Happening, history, line, steps, trustDigest } from "../clinic/line";
import { told } from "../parts/banner";
import { type Checked, Checks } from "../parts/checks";
import { Digest, Fact, Facts } from "../parts/facts";
import { Heading, useTitle } from "../parts/heading";
import { Icon } from "../parts/icon";
import { say } from "../text";
import { ago, clock } from "../text/format";

/** The checks in their order, to say which were not reached. */
const ORDER = [
  "attestor.evidence", "attestor.manifest", "attestor.keys",
  "peer.evidence", "peer.token", "peer.measurement", "peer.keys",
] as const;

const now = signal(Date.now());

/** Lets ages live while the panel is open. */
function useClock(): void {
  useEffect(() => {
    now.value = Date.now();
    const ticking = setInterval(() => (now.value = Date.now()), 1000);
    return () => clearInterval(ticking);
  }, []);
}

/** The screen. */
export function Verify() {
  const text = say().verify;
  useTitle(text.title);
  useClock();
  const state = line.value;
  return (
    <div class="page">
      <Heading>{text.title}</Heading>
      <p class="lead">{text.lead}</p>
      <div class="columns">
        <section class="card" aria-labelledby="whom">
          <div class="card-head">
            <h2 id="whom">{text.whom}</h2>
            <Again />
          </div>
          <Outcome />
          {state.state === "verified" && <About enclave={state.enclave} />}
        </section>
        <div class="stack">
          <section class="card" aria-labelledby="steps">
            <h2 id="steps">{text.steps}</h2>
            <p class="muted">{text.stepsLead}</p>
            <Checks checks={listed()} />
          </section>
          <History />
          <Yourself />
        </div>
      </div>
    </div>
  );
}

/** Whom this page believes, and the same checks by another program. */
function Yourself() {
  const text = say().verify;
  return (
    <section class="card" aria-labelledby="yourself">
      <h2 id="yourself">{text.yourself}</h2>
      <Facts>
        <Digest label={text.trust} value={trustDigest.value || "–"} help={text.trustHelp} />
      </Facts>
      <p class="muted">{text.yourselfLead}</p>
      <pre tabIndex={0}>
        <code>autoclave token show clinic</code>
      </pre>
    </section>
  );
}

function Again() {
  const [busy, setBusy] = useState(false);
  const text = say().verify;
  async function again(): Promise<void> {
    setBusy(true);
    await check().finally(() => setBusy(false));
  }
  return (
    <button type="button" class="secondary" disabled={line.value.state === "untrusting"} aria-busy={busy} onClick={() => void (busy || again())}>
      <Icon name="refresh" />
      {busy ? text.checking : text.again}
    </button>
  );
}

function Outcome() {
  const state = line.value;
  const { outcomes } = say().verify;
  const { tone, icon } = told(state);
  const words = {
    checking: outcomes.checking,
    offline: outcomes.offline,
    untrusting: outcomes.refused,
    refused: outcomes.refused,
    verified: state.state === "verified" && state.enclave.hwBacked ? outcomes.verified : outcomes.software,
  }[state.state];
  return (
    <div class={`outcome outcome-${tone}`} data-state={state.state}>
      <Icon name={icon} />
      <div>
        <strong>{words}</strong>
        {state.state === "refused" && (
          <p>
            {say().errors.refused(failedCheck(state.error.step), contact.value)}{" "}
            <span class="nowrap">{say().errors.code(state.error.code)}</span>
          </p>
        )}
        {state.state === "untrusting" && <p>{say().banner.noTrust(contact.value)}</p>}
      </div>
    </div>
  );
}

function kindOf({ kind, hwBacked }: VerifiedEnclave): string {
  const text = say().verify;
  if (kind === "tpm" && !hwBacked) return text.kindSoftwareTpm;
  return text.kinds[kind] ?? text.kindOther(kind);
}

function About({ enclave }: { readonly enclave: VerifiedEnclave }) {
  const text = say().verify;
  const over = now.value >= enclave.expiresAt * 1000;
  const age = now.value / 1000 - enclave.verifiedAt;
  return (
    <Facts>
      <Fact label={text.program}>{text.programs[enclave.workload] ?? enclave.workload}</Fact>
      <Fact label={text.kind}>{kindOf(enclave)}</Fact>
      <Fact label={text.age}>{text.ageValue(ago(age), clock(enclave.verifiedAt * 1000))}</Fact>
      <Fact label={text.until}>{over ? text.untilOver : text.untilValue(clock(enclave.expiresAt * 1000))}</Fact>
      <Digest label={text.measurement} value={enclave.measurement} help={text.measurementHelp} />
      <Digest label={text.attestor} value={enclave.attestorMeasurement} />
      <Digest label={text.policy} value={enclave.policyHash} />
      <Fact label={text.serial}>{String(enclave.manifestSerial)}</Fact>
      {enclave.svn !== undefined && <Fact label={text.svn}>{String(enclave.svn)}</Fact>}
    </Facts>
  );
}

function capital(sentence: string): string {
  return sentence.charAt(0).toLocaleUpperCase() + sentence.slice(1);
}

function listed(): readonly Checked[] {
  const made = steps();
  return ORDER.map((id) => {
    const step = made.find((one) => one.id === id);
    const outcome = step ? (step.ok ? "ok" : "failed") : "open";
    const text = outcome === "failed" ? capital(failedCheck(id)) : (say().steps[id] ?? id);
    return { id, text, outcome, code: step?.code };
  });
}

function History() {
  const text = say().verify;
  return (
    <section class="card" aria-labelledby="history">
      <h2 id="history">{text.history}</h2>
      {history.value.length === 0 && <p class="muted">{text.historyEmpty}</p>}
      <ol class="history">
        {history.value.map((one) => (
          <li key={`${one.at}${one.what}`} data-what={one.what}>
            <time dateTime={new Date(one.at).toISOString()}>{clock(one.at)}</time>
            <p>
              {sentenceOf(one)}
              {one.code && <span class="muted"> {say().errors.code(one.code)}</span>}
            </p>
          </li>
        ))}
      </ol>
    </section>
  );
}

function sentenceOf({ what, step }: Happening): string {
  const text = say().history;
  return what === "refused" ? text.refused(failedCheck(step)) : text[what];
}
