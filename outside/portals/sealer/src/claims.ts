// What evidence says about the code inside a TEE. It belongs to evidence and to tokens.
// Claims are words until a verifier has made them or a token vouches for them.

import { canonicalDigest } from './jcs.js';
import { Members } from './members.js';
import { need, refuse } from './refused.js';

/** Libraries that one process can have measured. */
const LIBRARIES_MAX = 16;

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
  const libraries = wire.has('libraries') ? wire.members('libraries') : new Members({}, code);
  const names = Object.keys(libraries.value);
  need(names.length <= LIBRARIES_MAX, code);
  const digests = Object.fromEntries(names.map((name) => [name, libraries.digest(name)]));
  return { executable: wire.digest('executable'), configuration: wire.digest('configuration'), libraries: digests };
}

/** The measurement: the digest of the canonical JSON of all three. */
export function measurementOf(measured: Measured): Promise<string> {
  const { executable, configuration, libraries } = measured;
  return canonicalDigest({ executable, configuration, libraries });
}

/** Reads claims as a token carries them; their measurement must follow from its parts. */
export async function parseClaims(value: unknown, code: string): Promise<Claims> {
  const wire = new Members(value, code);
  const measurement = wire.digest('measurement');
  if (measurement !== (await measurementOf(parseMeasured(wire, code)))) refuse(code);
  const [hwBacked, debug] = [wire.flag('hw_backed'), wire.flag('debug')];
  return { kind: wire.text('kind'), hwBacked, debug, measurement, svn: wire.integer('svn') };
}
