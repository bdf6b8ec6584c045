// The release manifest: which measurements are which workload, signed by a release key.
// It belongs to whoever answers for the code; attestor and clients read it alike.
// A manifest that did not verify vouches for nothing.

import { bigEndian, b64url, concat, fromB64url, sha256, utf8, type Bytes } from "./bytes.js";
import { thumbprint, type Key } from "./jwk.js";
import { JwsRefusal, parseJws, verifyJws } from "./jws.js";
import { Members } from "./members.js";
import { need, refuse } from "./refused.js";
import { SKEW_S } from "./times.js";

const TYP = "autoclave-release+jwt";
/** Releases in one manifest: what fits a JWS. */
const RELEASES_MAX = 128;
/** The appraisal rules in words; their digest, with the manifest's, is the policy in tokens. */
const POLICY =
  "autoclave appraisal policy 1: affirming if and only if the measurement is on the release " +
  "manifest for this kind of TEE, the security version is at least the manifest's, and debug " +
  "is off; everything else is contraindicated.";

/** The policy's name in tokens; `+` and a digest name governed rules on top of it. */
const POLICY_ID = "autoclave-1";
/** What governed rules add: they can only refuse more, so that they need not be known. */
const GOVERNED =
  "autoclave governed appraisal: affirming only if the policy below affirms and the governed rules permit.";

/** One release of one workload. */
export interface Release {
  readonly name: string;
  readonly measurement: string;
  /** The lowest security version that still counts. */
  readonly svn: number;
  readonly kinds: readonly string[];
}

/** A manifest under a release key. */
export interface Manifest {
  readonly serial: number;
  readonly releases: readonly Release[];
  /** base64url digest of the appraisal policy under this manifest. */
  readonly policyHash: string;
}

/** Checks signature, times, serial and form of a manifest. */
export async function verifyManifest(
  raw: string,
  releaseKeys: readonly Key[],
  serialMin: number,
  now: number,
): Promise<Manifest> {
  const payload = await open(raw, releaseKeys);
  const wire = Members.parse(payload, "manifest.malformed").only("iss", "serial", "iat", "exp", "workloads");
  need(wire.integer("iat") <= now + SKEW_S, "manifest.not_yet_valid");
  need(now < wire.integer("exp"), "manifest.expired");
  wire.text("iss");
  const releases = wire.list("workloads").map(release);
  // Two workloads under one measurement could stand in for each other.
  const measurements = new Set(releases.map((one) => one.measurement));
  need(releases.length <= RELEASES_MAX && measurements.size === releases.length, "manifest.malformed");
  const serial = wire.integer("serial");
  need(serial >= serialMin, "manifest.serial");
  return { serial, releases, policyHash: b64url(await policy(utf8(payload))) };
}

async function open(raw: string, releaseKeys: readonly Key[]): Promise<string> {
  try {
    const jws = parseJws(raw, TYP);
    const names = await Promise.all(releaseKeys.map(thumbprint));
    const key = releaseKeys.find((one, at) => one.kind === "P-256" && names[at] === jws.kid);
    return await verifyJws(jws, key ?? refuse("manifest.key_unknown"));
  } catch (cause) {
    if (!(cause instanceof JwsRefusal)) throw cause;
    return refuse(cause.fault === "signature" ? "manifest.signature" : "manifest.malformed");
  }
}

function release(value: unknown): Release {
  const wire = new Members(value, "manifest.malformed");
  wire.only("name", "version", "measurement", "executable", "configuration", "svn", "kinds");
  wire.text("version");
  // What hardware measures has neither.
  for (const part of ["executable", "configuration"]) if (wire.has(part)) wire.digest(part);
  const [measurement, svn] = [wire.digest("measurement"), wire.integer("svn")];
  return { name: wire.text("name"), measurement, svn, kinds: wire.texts("kinds") };
}

/** SHA-256 of the rules and of the payload's digest, each after its length in 8 bytes. */
async function policy(payload: Bytes): Promise<Bytes> {
  return ofParts([utf8(POLICY), await sha256(payload)]);
}

async function ofParts(parts: readonly Bytes[]): Promise<Bytes> {
  return sha256(concat(...parts.flatMap((part) => [bigEndian(part.length, 8), part])));
}

/** The policy hash of a token that names its policy so; undefined for a name of another policy. */
export async function policyHashOf(manifest: Manifest, policyId: string): Promise<string | undefined> {
  if (policyId === POLICY_ID) return manifest.policyHash;
  const base = fromB64url(manifest.policyHash);
  const rules = /^autoclave-1\+sha256:([0-9a-f]{64})$/.exec(policyId)?.[1];
  if (!base || !rules) return undefined;
  const digest = Uint8Array.from(rules.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  return b64url(await ofParts([utf8(GOVERNED), base, digest]));
}

/** The release that evidence of this kind with this measurement and version is of. */
export function findRelease(
  manifest: Manifest,
  measurement: string,
  kind: string,
  svn: number,
): Release | undefined {
  const known = manifest.releases.find((one) => one.measurement === measurement && one.kinds.includes(kind));
  return known && svn >= known.svn ? known : undefined;
}
