// What callers of this package see: trust, what was verified, requests, answers, events.
// It belongs to the page and to whoever embeds the package.
// No type here holds a private key or a session.

import type { Refused } from "./refused.js";

/** A public key as JSON (RFC 7517). Members that are not named here are passed over. */
export interface Jwk {
  readonly kty: string;
  readonly crv?: string;
  readonly x?: string;
  readonly y?: string;
  readonly pub?: string;
  readonly alg?: string;
  readonly use?: string;
  readonly kid?: string;
}

/** A development root: it signs what a TEE would. Nothing under it is confidential. */
export interface SoftwareRoot {
  readonly kind: "software";
  readonly jwk: Jwk;
}

/** A root of TPMs: endorsement CAs (DER in base64url), and the keys of who certifies signing keys. */
export interface TpmRoot {
  readonly kind: "tpm";
  readonly ek_roots: readonly string[];
  readonly ak_issuers: readonly Jwk[];
  /** Whether software TPMs count; then nothing under it is backed by hardware. */
  readonly development: boolean;
  /** Accepted values of the firmware's registers; needed where it is not for development. */
  readonly firmware?: readonly { readonly pcr: number; readonly values: readonly string[] }[];
}

/** A root of a kind of TEE. */
export type Root = SoftwareRoot | TpmRoot;

/** What a client starts from, as it stands in `trust.json`. */
export interface TrustAnchors {
  readonly roots: readonly Root[];
  readonly release_keys: readonly Jwk[];
  readonly issuer: string;
  readonly manifest_serial_min?: number;
}

/** The checks of a handshake, in the order in which they are made. */
export type CheckId =
  | "attestor.evidence"
  | "attestor.manifest"
  | "attestor.keys"
  | "peer.evidence"
  | "peer.token"
  | "peer.measurement"
  | "peer.keys";

/** One check: whether it held, and the stable code where it did not. */
export interface CheckStep {
  readonly id: CheckId;
  readonly ok: boolean;
  /** Such as `token.expired`. */
  readonly code?: string;
}

/** An enclave that was verified. All times are seconds since 1970. */
export interface VerifiedEnclave {
  /** Its name on the release manifest, such as `clinic`. */
  readonly workload: string;
  /** Its kind of TEE: `software`, `tpm`. */
  readonly kind: string;
  /** Whether hardware vouches for it. Where false, nothing is confidential. */
  readonly hwBacked: boolean;
  /** `sha256:` and 64 hex digits over binary, configuration and libraries. */
  readonly measurement: string;
  /** The attestor's own measurement. */
  readonly attestorMeasurement: string;
  /** base64url digest of the appraisal policy. */
  readonly policyHash: string;
  readonly manifestSerial: number;
  /** When its token was signed. */
  readonly issuedAt: number;
  /** From when the token does not count any more. */
  readonly expiresAt: number;
  /** When the handshake ended. */
  readonly verifiedAt: number;
  /** The security version of its code. */
  readonly svn?: number;
  /** All checks, each of which held. */
  readonly steps: readonly CheckStep[];
  /** The token (JWT). */
  readonly token: string;
  /** The Ed25519 key of its ledger (32 bytes; empty where it keeps no ledger). */
  readonly ledgerKey: Uint8Array;
}

/** A request to an enclave. The path is the enclave's own. */
export interface SealedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | Blob;
  /** Told while the sealed request is uploaded: bytes of the sealed message. */
  readonly onProgress?: (sentBytes: number, totalBytes: number) => void;
  readonly signal?: AbortSignal;
}

/** An answer out of the seal. Header names are in lower case. */
export interface OpenedAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

/** Why an enclave was verified again. */
export type ReattestReason = "key_changed" | "measurement_changed" | "expired";

/** What happens on a connection. */
export type ConnectionEvent =
  | { readonly type: "verifying" }
  | { readonly type: "verified"; readonly enclave: VerifiedEnclave }
  | {
      readonly type: "reattested";
      readonly previous: VerifiedEnclave;
      readonly current: VerifiedEnclave;
      readonly reason: ReattestReason;
    }
  | { readonly type: "refused"; readonly error: Refused };

/** The checks of a receipt, in the order in which they are made. */
export type ReceiptStepId =
  | "attestor.evidence"
  | "attestor.manifest"
  | "attestor.keys"
  | "token"
  | "receipt.signature"
  | "receipt.result"
  | "receipt.image"
  | "ledger.inclusion"
  | "ledger.line";

/** One check of a receipt. */
export interface ReceiptStep {
  readonly id: ReceiptStepId;
  readonly ok: boolean;
  /** Such as `receipt.response`; `receipt.not_checked` where an earlier check failed. */
  readonly code?: string;
}

/** What a receipt says. */
export interface Receipt {
  readonly iss: string;
  readonly sub: string;
  readonly iat: number;
  readonly jti: string;
  readonly engine: string;
  readonly model: { readonly name: string; readonly version: string; readonly digest: string };
  readonly request: string;
  readonly response: string;
  readonly token: string;
  readonly policy: string;
  readonly chain: readonly string[];
  readonly line: { readonly origin: string; readonly index: number };
}

/** The outcome of `verifyDiagnosis`. It holds only where `ok` is true. */
export interface ReceiptCheck {
  readonly ok: boolean;
  /** The code of the first check that failed. */
  readonly code?: string;
  /** Always all nine checks. */
  readonly steps: readonly ReceiptStep[];
  /** What the receipt says, once its signature was verified. */
  readonly receipt?: Receipt;
  /** The enclave that signed it, once its token was verified. */
  readonly enclave?: { readonly kind: string; readonly hwBacked: boolean; readonly measurement: string };
  /** The ledger's size at the checkpoint of the proof, once that was verified. */
  readonly ledgerSize?: number;
}
