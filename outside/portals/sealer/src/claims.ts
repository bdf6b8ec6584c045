// What evidence says about the code inside a TEE. It belongs to evidence and to tokens.
// Claims are words until a verifier has made them or a token vouches for them.

import { canonicalDigest } from "./jcs.js";
import { Members } from "./members.js";
import { need } from "./refused.js";
import { isSoftware } from "./tpm/manufacturer.js";

/** Libraries that one process can have measured. */
export const LIBRARIES_MAX = 16;

/** What is measured: the program, its configuration, and libraries loaded at run time. */
export interface Measured {
  readonly executable: string;
  readonly configuration: string;
  readonly libraries: Readonly<Record<string, string>>;
}

/** What evidence says. */
export interface Claims {
  readonly kind: string;
  readonly hwBacked: boolean;
  readonly debug: boolean;
  readonly measurement: string;
  readonly svn: number;
}

/** Reads the three parts of a measurement. */
export function parseMeasured(wire: Members, code: string): Measured {
  const libraries = wire.has("libraries") ? wire.members("libraries") : new Members({}, code);
  const names = Object.keys(libraries.value);
  need(names.length <= LIBRARIES_MAX, code);
  const digests = Object.fromEntries(names.map((name) => [name, libraries.digest(name)]));
  return {
    executable: wire.digest("executable"),
    configuration: wire.digest("configuration"),
    libraries: digests,
  };
}

/** The measurement: the digest of the canonical JSON of all three. */
export function measurementOf(measured: Measured): Promise<string> {
  const { executable, configuration, libraries } = measured;
  return canonicalDigest({ executable, configuration, libraries });
}

/** Reads claims as a token carries them: what follows from each other must do so. */
export async function parseClaims(value: unknown, code: string): Promise<Claims> {
  const wire = new Members(value, code);
  const [kind, measurement, hwBacked] = [
    wire.text("kind"),
    wire.digest("measurement"),
    wire.flag("hw_backed"),
  ];
  need(measurement === (await measurementOf(parseMeasured(wire, code))), code);
  need(canBeHardware(wire, kind, code) || !hwBacked, code);
  return { kind, hwBacked, debug: wire.flag("debug"), measurement, svn: wire.integer("svn") };
}

/** Software never is, nor is a TPM whose maker makes programs; only a TPM has a TPM's claims. */
function canBeHardware(wire: Members, kind: string, code: string): boolean {
  if (kind !== "tpm") {
    need(kind === "software" && !wire.has("tpm"), code);
    return false;
  }
  const tpm = wire.members("tpm").only("manufacturer", "ek", "launcher", "workload");
  tpm.digest("ek");
  tpm.digest("launcher");
  return !isSoftware(tpm.text("manufacturer"));
}
