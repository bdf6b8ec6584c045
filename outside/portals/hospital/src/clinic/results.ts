// Results that were fetched in this session, each with the check of its receipt. They are
// forgotten when the person leaves. A result is never shown without its check beside it.

import { digest, type ReceiptCheck, verifyDiagnosis } from "@autoclave/sealer";
import { trust } from "./line";
import * as records from "./records";
import { whenLeft } from "./staff";

/** Most results that are kept: an image may have 200 MB. */
const RESULTS_MAX = 8;

/** A result as it is shown. */
export interface Shown {
  readonly answer: records.Diagnosis;
  readonly check: ReceiptCheck;
  /** The image, where it is here. */
  readonly image: Blob | undefined;
}

const kept = new Map<string, Shown>();
whenLeft(() => kept.clear());

/** A result that is here already. */
export function known(study: string): Shown | undefined {
  return kept.get(study);
}

/** Checks an answer and keeps it. */
export async function examine(study: string, answer: records.Diagnosis, image: Blob | undefined): Promise<Shown> {
  const named = image ? await digest(image) : requestOf(answer.receipt);
  const shown = { answer, check: await verifyDiagnosis(answer, trust(), named), image };
  kept.delete(study);
  kept.set(study, shown);
  for (const oldest of [...kept.keys()].slice(0, -RESULTS_MAX)) kept.delete(oldest);
  return shown;
}

/**
 * The image that a receipt names itself, where there is none to compare with; the screen then
 * says that it was not compared.
 */
function requestOf(receipt: string): string {
  const payload = claims(receipt);
  return typeof payload.request === "string" ? payload.request : "";
}

function claims(jws: string): Record<string, unknown> {
  try {
    const text = (jws.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** The receipt's file, as `autoclave receipt verify` reads it. */
export function receiptFile({ answer, check }: Shown): Blob {
  const { receipt, token, jwks, attestor, ledger, result } = answer;
  const response = check.receipt?.response ?? "";
  const file = { receipt, token, jwks, attestor, ledger, result, response };
  return new Blob([JSON.stringify(file, null, 1)], { type: "application/json" });
}
