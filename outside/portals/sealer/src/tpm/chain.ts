// The endorsement chain: from a TPM's own certificate up to a pinned root. Each link is named,
// signed, and valid now; nothing is fetched, and order is the sender's to get right.
// It belongs to TPM evidence.

import type { Bytes } from "../bytes.js";
import { need } from "../refused.js";
import { Certificate } from "./certificate.js";
import { REFUSED } from "./der.js";

/** Certificates below the root: a leaf, and intermediates of vendors with room. */
const CHAIN_MAX = 4;

/**
 * Verifies leaf and intermediates (DER, leaf first, no root) under `roots` and gives the leaf;
 * undefined where no root has the name that the chain ends in.
 */
export async function verifyChain(
  ders: readonly Bytes[],
  roots: readonly Certificate[],
  now: number,
): Promise<Certificate | undefined> {
  need(ders.length <= CHAIN_MAX, REFUSED);
  const chain = ders.map((der) => new Certificate(der));
  const [leaf, last] = [chain[0], chain.at(-1)];
  need(leaf !== undefined && last !== undefined, REFUSED);
  const named = roots.filter((root) => last.namesIssuer(root));
  if (named.length === 0) return undefined;
  const signed = await Promise.all(named.map((root) => last.isSignedBy(root)));
  const root = named.find((_, at) => signed[at]);
  need(root !== undefined, REFUSED);
  const issuers = [...chain.slice(1), root];
  for (const [below, issuer] of issuers.entries()) need(await isLink(chain[below], issuer, below), REFUSED);
  need(
    [...chain, root].every((one) => one.isValidAt(now)),
    "evidence.tpm_ek_validity",
  );
  need(leaf.isEndorsement, REFUSED);
  leaf.manufacturer();
  return leaf;
}

async function isLink(
  certificate: Certificate | undefined,
  issuer: Certificate,
  below: number,
): Promise<boolean> {
  if (!certificate || !issuer.isAuthority || !issuer.allowsBelow(below)) return false;
  return certificate.namesIssuer(issuer) && certificate.isSignedBy(issuer);
}
