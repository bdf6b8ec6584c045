// The work list: the newest patients, a search that stays in the page, a way to each result.

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { codeOf, isOffline, isSessionOver, sentence } from "../clinic/failure";
import { jobs } from "../clinic/jobs";
import { useBackOnline } from "../clinic/line";
import { type Admitted, nameOf, patients } from "../clinic/records";
import { may, SignedOut, whenLeft } from "../clinic/staff";
import { Heading, useTitle } from "../parts/heading";
import { Icon } from "../parts/icon";
import { Running } from "../parts/running";
import { say } from "../text";
import { day, moment } from "../text/format";

/** As many as the clinic gives at once. */
const LIST_MAX = 200;

/** The list as it came last. */
export const list = signal<readonly Admitted[] | undefined>(undefined);
const trouble = signal<unknown>(undefined);
const busy = signal(false);
let asked = false;
const sought = signal("");

whenLeft(() => {
  list.value = undefined;
  sought.value = "";
  trouble.value = undefined;
});

/** Fetches the list; what is shown stays until the new one is there. */
export async function fetchList(): Promise<void> {
  asked = true;
  if (busy.value) return;
  busy.value = true;
  // Whoever asks while an answer is on its way gets a newer one.
  while (asked) {
    asked = false;
    await fetchOnce();
  }
  busy.value = false;
}

async function fetchOnce(): Promise<void> {
  try {
    list.value = await patients();
    trouble.value = undefined;
  } catch (error) {
    if (!isSessionOver(error) && !(error instanceof SignedOut)) trouble.value = error;
  }
}

function matching(all: readonly Admitted[]): readonly Admitted[] {
  const words = sought.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  const text = (one: Admitted) =>
    [one.family, one.given, one.identifier, one.birthDate, one.birthDate && day(one.birthDate)].join(" ").toLocaleLowerCase();
  return words.length === 0 ? all : all.filter((one) => words.every((word) => text(one).includes(word)));
}

/** The screen. */
export function Patients() {
  const text = say().list;
  useTitle(text.title);
  const done = jobs.value.filter((one) => one.state === "done").length;
  useEffect(() => void fetchList(), [done]);
  useBackOnline(isOffline(trouble.value), fetchList);
  const code = isOffline(trouble.value) ? undefined : codeOf(trouble.value);
  return (
    <div class="page">
      <div class="page-head">
        <Heading>{text.title}</Heading>
        <div class="row">
          <button type="button" class="quiet" aria-busy={busy.value} onClick={() => void fetchList()}>
            <Icon name="refresh" />
            {text.refresh}
          </button>
          {may("admit") && (
            <a class="button primary" href="#/new">
              {say().nav.intake}
            </a>
          )}
        </div>
      </div>
      <Running />
      {trouble.value !== undefined && (
        <p class={isOffline(trouble.value) ? "alert alert-warn" : "alert"} role="alert">
          <Icon name="alert" />
          <span>
            {sentence(trouble.value)} {code && <span class="muted">{say().errors.code(code)}</span>}
          </span>
        </p>
      )}
      <Search />
      <Table />
    </div>
  );
}

function Search() {
  const text = say().list;
  return (
    <div class="search">
      <label for="search">{text.search}</label>
      <div class="search-box">
        <Icon name="search" />
        <input id="search" type="search" autoComplete="off" spellcheck={false} aria-describedby="search-help" value={sought.value} onInput={(event) => (sought.value = event.currentTarget.value)} />
      </div>
      <p class="help" id="search-help">
        {text.searchHelp}
      </p>
    </div>
  );
}

function Table() {
  const text = say().list;
  const all = list.value;
  if (!all) return busy.value ? <p class="muted">{text.loading}</p> : null;
  if (all.length === 0) return <p class="empty">{text.empty}</p>;
  const shown = matching(all);
  return (
    <>
      <p class="muted count" role="status">
        {shown.length === 0 ? text.none : text.count(shown.length, all.length)} {all.length >= LIST_MAX && text.limit}
      </p>
      {shown.length > 0 && (
        <table class="list">
          <thead>
            <tr>
              <th scope="col">{text.name}</th>
              <th scope="col">{text.born}</th>
              <th scope="col">{text.number}</th>
              <th scope="col">{text.admitted}</th>
              <th scope="col">{text.state}</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((one) => (
              <Row key={one.study} one={one} />
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}

function Row({ one }: { readonly one: Admitted }) {
  const text = say().list;
  const name = nameOf(one) || text.unnamed;
  return (
    <tr>
      <th scope="row">
        <a href={`#/studies/${one.study}`} aria-label={one.diagnosed ? text.openResult(name) : text.ask(name)}>
          {name}
        </a>
      </th>
      <td data-label={text.born}>{one.birthDate ? day(one.birthDate) : "–"}</td>
      <td data-label={text.number}>{one.identifier || "–"}</td>
      <td data-label={text.admitted}>{moment(one.admittedAt)}</td>
      <td data-label={text.state}>
        <span class={one.diagnosed ? "tag tag-good" : "tag"}>{one.diagnosed ? text.ready : text.open}</span>
      </td>
    </tr>
  );
}
