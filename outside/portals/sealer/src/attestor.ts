// Believing the attestor: its evidence vouches for the digest of its key set, and the release
// manifest for its code. It belongs to handshakes and to receipts of any age.
// What it answered is judged as of the time when it was given.

import { parseEvidence, verifyEvidence, type Evidence } from "./evidence.js";
import { findRelease, verifyManifest, type Manifest } from "./manifest.js";
import { Members } from "./members.js";
import { need, Refused } from "./refused.js";
import { parseRuntime, reportData, type Runtime } from "./runtime.js";
import type { KeySet } from "./token.js";
import { parseKeySet } from "./token.js";
import type { Trust } from "./trust.js";
import type { CheckId, CheckStep } from "./types.js";

const ATTESTOR = "attestor";

/** What an attestor answered. */
export interface Transcript {
  readonly evidence: Evidence;
  readonly runtime: Runtime;
  readonly jwks: KeySet;
  readonly manifest: string;
  readonly verifiedAt: number;
}

/** An attestor that is believed. */
export interface VerifiedAttestor {
  readonly keys: KeySet;
  readonly manifest: Manifest;
  readonly measurement: string;
}

/** Runs checks one after the other and keeps what came of each. */
export class Steps {
  readonly done: CheckStep[] = [];

  /** Runs a check; a refusal in it is known by the check's name from then on. */
  async run<T>(id: CheckId, check: () => Promise<T> | T): Promise<T> {
    try {
      const value = await check();
      if (!this.done.some((step) => step.id === id)) this.done.push({ id, ok: true });
      return value;
    } catch (cause) {
      // Whatever else an answer makes a parser throw, the answer is not of its form.
      const form = id.startsWith("attestor.") ? "attestor.malformed" : "peer.malformed";
      const refused = cause instanceof Refused ? cause : new Refused(form);
      const failed: CheckStep = { id, ok: false, code: refused.code };
      const others = this.done.filter((step) => step.id !== id);
      this.done.splice(0, this.done.length, ...others, failed);
      throw refused.with({ step: id, steps: [...this.done] });
    }
  }
}

/** Reads a transcript that somebody kept. */
export async function parseTranscript(value: unknown, code: string): Promise<Transcript> {
  const wire = new Members(value, code).only("evidence", "runtime", "jwks", "manifest", "verified_at");
  return {
    evidence: parseEvidence(wire.raw("evidence"), code),
    runtime: await parseRuntime(wire.raw("runtime"), code),
    jwks: await parseKeySet(wire.raw("jwks"), code),
    manifest: wire.text("manifest"),
    verifiedAt: wire.integer("verified_at"),
  };
}

/** Verifies what an attestor answered, as of the time when it was given. */
export async function verifyTranscript(
  transcript: Transcript,
  trust: Trust,
  steps: Steps,
): Promise<VerifiedAttestor> {
  const { runtime, jwks, verifiedAt: now } = transcript;
  const claims = await steps.run("attestor.evidence", async () => {
    const verified = await verifyEvidence(transcript.evidence, trust.roots, {
      reportData: await reportData(runtime),
      now,
    });
    need(verified.hwBacked || !trust.hardwareRequired, "attestor.hardware_required");
    return verified;
  });
  const manifest = await steps.run("attestor.manifest", async () => {
    const verified = await verifyManifest(transcript.manifest, trust.releaseKeys, trust.serialMin, now);
    const release = findRelease(verified, claims.measurement, claims.kind, claims.svn);
    need(release?.name === ATTESTOR && !claims.debug, "attestor.not_the_attestor");
    return verified;
  });
  await steps.run("attestor.keys", () => need(runtime.jwks === jwks.digest, "attestor.keys"));
  return { keys: jwks, manifest, measurement: claims.measurement };
}
