// A result: the image with the marked area, the findings, and the receipt with each check that
// was made of it. A result whose receipt does not hold says so before anything else.

import { useEffect, useState } from "preact/hooks";
import { codeOf, isOffline, isSessionOver, sentence } from "../clinic/failure";
import { isShowable, shortName } from "../clinic/image";
import { jobs } from "../clinic/jobs";
import { contact, useBackOnline } from "../clinic/line";
import * as records from "../clinic/records";
import { examine, known, type Shown } from "../clinic/results";
import { may, SignedOut } from "../clinic/staff";
import { Findings } from "../parts/findings";
import { Heading, useTitle } from "../parts/heading";
import { Icon } from "../parts/icon";
import { Overlay } from "../parts/overlay";
import { Receipt } from "../parts/receipt";
import { say } from "../text";
import { day, moment } from "../text/format";
import { fetchList, list } from "./patients";

/** Fetches diagnosis and, where the role allows it, the image. */
async function fetchShown(study: string): Promise<Shown> {
  const [answer, image] = await Promise.all([
    records.diagnosis(study),
    may("read") ? records.image(study) : Promise.resolve(undefined),
  ]);
  return examine(study, answer, image);
}

/** The screen. */
export function Result({ study }: { readonly study: string }) {
  const text = say().result;
  useTitle(text.title);
  const [shown, setShown] = useState<Shown | undefined>(known(study));
  const [error, setError] = useState<unknown>();
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    if (known(study)) return setShown(known(study));
    let gone = false;
    setError(undefined);
    setShown(undefined);
    const failed = (caught: unknown) => {
      if (!gone && !isSessionOver(caught) && !(caught instanceof SignedOut)) setError(caught);
    };
    fetchShown(study).then((it) => !gone && setShown(it), failed);
    return () => {
      gone = true;
    };
  }, [study, attempt]);
  useBackOnline(isOffline(error), () => setAttempt(attempt + 1));
  return (
    <div class="page">
      <p class="over">
        <a href="#/patients">
          <Icon name="back" />
          {text.back}
        </a>
      </p>
      <Whose study={study} />
      {error !== undefined && <Failed error={error} again={() => setAttempt(attempt + 1)} />}
      {!shown && error === undefined && (
        <p class="muted loading" role="status">
          <span class="spinner" /> {text.loading}
        </p>
      )}
      {shown && <Whole shown={shown} study={study} />}
    </div>
  );
}

function Failed({ error, again }: { readonly error: unknown; readonly again: () => void }) {
  const code = isOffline(error) ? undefined : codeOf(error);
  return (
    <div class={isOffline(error) ? "alert alert-warn" : "alert"}>
      <Icon name="alert" />
      <div>
        <p role="alert">{sentence(error)}</p>
        {code && <p class="help">{say().errors.code(code)}</p>}
        <button type="button" class="secondary" onClick={again}>
          {say().job.retry}
        </button>
      </div>
    </div>
  );
}

/** The patient, out of what this page knows already, else out of the list. */
function Whose({ study }: { readonly study: string }) {
  const text = say().result;
  const sent = jobs.value.find((one) => one.study === study)?.typed;
  const listed = list.value?.find((one) => one.study === study);
  useEffect(() => {
    if (!sent && !listed) void fetchList();
  }, [study]);
  const person = sent ?? listed;
  const details = [
    person?.birthDate && `${text.born} ${day(person.birthDate)}`,
    person?.identifier,
    listed && `${text.admitted} ${moment(listed.admittedAt)}`,
  ].filter(Boolean);
  return (
    <div class="page-head">
      <div>
        <Heading>{person ? records.nameOf(person) : text.title}</Heading>
        {details.length > 0 && <p class="muted">{details.join(" · ")}</p>}
      </div>
      {may("admit") && (
        <a class="button primary" href="#/new">
          {text.next}
          <Icon name="next" />
        </a>
      )}
    </div>
  );
}

function note(image: Blob | undefined): string | undefined {
  const text = say().result;
  if (!image) return text.noImageRole;
  return isShowable(image.type) ? undefined : text.noImageKind(shortName(image.type));
}

function Whole({ shown, study }: { readonly shown: Shown; readonly study: string }) {
  const text = say().result;
  const { answer, check, image } = shown;
  return (
    <>
      {!check.ok && (
        <div class="alert" role="alert">
          <Icon name="alert" />
          <p>
            <strong>{text.receiptBad}</strong> {text.receiptBadCall(contact.value)} {check.code && say().errors.code(check.code)}
          </p>
        </div>
      )}
      <div class="columns columns-result">
        <section class="card card-viewer" aria-labelledby="viewer">
          <h2 id="viewer">{text.image}</h2>
          <Overlay mask={answer.result.mask.data} image={image && isShowable(image.type) ? image : undefined} note={note(image)} />
        </section>
        <div class="stack">
          <Findings result={answer.result} check={check} />
          <Receipt shown={shown} study={study} />
        </div>
      </div>
    </>
  );
}
