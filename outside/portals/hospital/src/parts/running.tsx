// The new patients that are on their way or need a hand, as a strip of links above the form
// and the list.

import { type Job, jobs } from "../clinic/jobs";
import { nameOf } from "../clinic/records";
import { say } from "../text";
import { Icon } from "./icon";

/** The strip; nothing where nothing is on its way. */
export function Running() {
  const open = jobs.value.filter((one) => one.state !== "done");
  if (open.length === 0) return null;
  return (
    <ul class="running" aria-label={say().job.running(open.length)}>
      {open.map((one) => (
        <li key={one.id}>
          <a class={`chip chip-${one.state}`} href={`#/sending/${one.id}`}>
            {one.state === "stopped" ? <Icon name="alert" /> : <span class="spinner" />}
            <span class="chip-name">{nameOf(one.typed)}</span>
            <span class="muted">{stateOf(one)}</span>
          </a>
        </li>
      ))}
    </ul>
  );
}

function stateOf(one: Job): string {
  const { stages, failed } = say().job;
  return one.state === "stopped" ? failed : stages[one.stage];
}
