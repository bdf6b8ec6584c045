// What evidence says about the code inside a TEE. It belongs to evidence and to tokens.
// Claims are words until a verifier has made them or a token vouches for them.

import { canonicalDigest } from "./jcs.js";
import { Members } from "./members.js";
import { need } from "./refused.js";
import { isSoftware } from "./tpm/manufacturer.js";

/** Libraries that one process can have measured. */
export const LIBRARIES_MAX = 16;
/** A register. */
const HEX = /^(?:[0-9a-f]{2})*$/;

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

/** Kinds whose hardware measured by itself, and the kind that one stands on. */
const HARDWARE: Readonly<Record<string, string | undefined>> = {
  sgx: undefined,
  tdx: undefined,
  snp: undefined,
  "az-snp-vtpm": "snp",
  "az-tdx-vtpm": "tdx",
  nitro: undefined,
};

/** Reads claims as a token carries them: what follows from each other must do so. */
export async function parseClaims(value: unknown, code: string): Promise<Claims> {
  const wire = new Members(value, code);
  const [kind, measurement, hwBacked] = [
    wire.text("kind"),
    wire.digest("measurement"),
    wire.flag("hw_backed"),
  ];
  const claims = { kind, hwBacked, debug: wire.flag("debug"), measurement, svn: wire.integer("svn") };
  if (Object.hasOwn(HARDWARE, kind)) {
    await checkRegisters(wire, claims, code);
    await checkLayers(wire, claims, code);
  } else {
    need(measurement === (await measurementOf(parseMeasured(wire, code))), code);
    need(canBeHardware(wire, kind, code) || !hwBacked, code);
  }
  return claims;
}

/** The measurement is the digest of the registers, and nothing else was measured. */
async function checkRegisters(wire: Members, { kind, measurement }: Claims, code: string): Promise<void> {
  need(!wire.has("executable") && !wire.has("tpm"), code);
  const measurements = wire.members("measurements").value;
  need(Object.values(measurements).every((one) => typeof one === "string" && HEX.test(one)), code);
  need(measurement === (await canonicalDigest({ kind, measurements })), code);
}

/** Nothing is backed better than what it stands on, nor hides that it is open. */
async function checkLayers(wire: Members, { kind, hwBacked, debug }: Claims, code: string): Promise<void> {
  const layers = wire.has("layers") ? wire.list("layers") : [];
  const below = HARDWARE[kind];
  need(layers.length === (below === undefined ? 0 : 1), code);
  if (below === undefined) return;
  need(new Members(layers[0], code).text("kind") === below, code);
  const layer = await parseClaims(layers[0], code);
  need((layer.hwBacked || !hwBacked) && (debug || !layer.debug), code);
}

/** Software never is, nor is a TPM whose maker makes programs; only a TPM has a TPM's claims. */
function canBeHardware(wire: Members, kind: string, code: string): boolean {
  need(!wire.has("measurements") && !wire.has("layers"), code);
  if (kind !== "tpm") {
    need(kind === "software" && !wire.has("tpm"), code);
    return false;
  }
  const tpm = wire.members("tpm").only("manufacturer", "ek", "launcher", "workload");
  tpm.digest("ek");
  tpm.digest("launcher");
  return !isSoftware(tpm.text("manufacturer"));
}
