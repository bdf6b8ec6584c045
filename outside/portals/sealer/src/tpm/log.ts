// The event log: what the launcher measured, in words, and how it makes the registers.
// It belongs to TPM evidence. A log by itself proves nothing; registers that it replays to,
// quoted by a TPM, do.

import { concat, equal, fromB64url, sha256, utf8, type Bytes } from "../bytes.js";
import { LIBRARIES_MAX, type Measured } from "../claims.js";
import { canonical } from "../jcs.js";
import { Members } from "../members.js";
import { need, refuse } from "../refused.js";

const MALFORMED = "evidence.malformed";
const REFUSED = "evidence.tpm_log";
/** The first register of the launcher's; those below are the firmware's. */
export const PCR_BOOTED = 8;
export const PCRS = 16;
const REGISTER_BYTES = 32;
const SVN_MAX = 0xffff_ffff;
/** Each kind once, and the libraries. */
const EVENTS_MAX = 4 + LIBRARIES_MAX;
/** What follows `pcr` and `event` in each kind, and its register. */
const KINDS: Readonly<Record<string, { pcr: number; members: readonly string[] }>> = {
  launch: { pcr: 8, members: ["launcher", "svn", "debug"] },
  executable: { pcr: 8, members: ["digest"] },
  configuration: { pcr: 9, members: ["digest"] },
  library: { pcr: 10, members: ["name", "digest"] },
  workload: { pcr: 11, members: ["name", "release_key"] },
};

/** One measurement, its form checked. */
export interface LogEvent {
  readonly kind: string;
  readonly pcr: number;
  readonly wire: Members;
}

/** What a log tells. */
export interface Told {
  readonly measured: Measured;
  readonly svn: number;
  readonly debug: boolean;
}

/** Reads one event: the members of its kind and no others. */
export function parseEvent(value: unknown): LogEvent {
  const wire = new Members(value, MALFORMED);
  const kind = wire.text("event");
  const { pcr, members } = (Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined) ?? refuse(MALFORMED);
  wire.only("pcr", "event", ...members);
  need(wire.integer("pcr") === pcr, MALFORMED);
  for (const name of members) checkMember(wire, name);
  return { kind, pcr, wire };
}

function checkMember(wire: Members, name: string): void {
  if (name === "svn") return need(wire.integer(name) <= SVN_MAX, MALFORMED);
  if (name === "debug") return void wire.flag(name);
  if (name === "name") return void wire.text(name);
  if (name === "release_key") return need(fromB64url(wire.text(name))?.length === REGISTER_BYTES, MALFORMED);
  wire.digest(name);
}

/** The launcher's registers after a log, by their numbers: SHA-256 over register and event. */
async function replay(log: readonly LogEvent[]): Promise<readonly Bytes[]> {
  const registers: Bytes[] = Array.from({ length: PCRS }, () => new Uint8Array(REGISTER_BYTES));
  for (const { pcr, wire } of log) {
    const register = registers[pcr] ?? refuse(REFUSED);
    registers[pcr] = await sha256(concat(register, await sha256(utf8(canonical(wire.value)))));
  }
  return registers;
}

/** What the log tells, if it makes the launcher's registers exactly. */
export async function readLog(log: readonly LogEvent[], registers: readonly Bytes[]): Promise<Told> {
  need(log.length <= EVENTS_MAX, REFUSED);
  const [launch, executable, configuration, ...rest] = log;
  need(
    launch?.kind === "launch" && executable?.kind === "executable" && configuration?.kind === "configuration",
    REFUSED,
  );
  const libraries = readLibraries(rest.at(-1)?.kind === "workload" ? rest.slice(0, -1) : rest);
  const replayed = await replay(log);
  const same = replayed.every(
    (register, pcr) => pcr < PCR_BOOTED || equal(register, registers[pcr] ?? new Uint8Array(0)),
  );
  need(same, REFUSED);
  const measured = {
    executable: executable.wire.digest("digest"),
    configuration: configuration.wire.digest("digest"),
    libraries,
  };
  return { measured, svn: launch.wire.integer("svn"), debug: launch.wire.flag("debug") };
}

function readLibraries(events: readonly LogEvent[]): Readonly<Record<string, string>> {
  const names = new Set(events.map(({ wire }) => wire.value["name"]));
  const good = events.every(({ kind }) => kind === "library") && names.size === events.length;
  need(good && events.length <= LIBRARIES_MAX, REFUSED);
  return Object.fromEntries(events.map(({ wire }) => [wire.text("name"), wire.digest("digest")]));
}
