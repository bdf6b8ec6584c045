// TPM 2.0 evidence. Its verifier is not here yet: evidence of this kind is refused.

import { refuse } from './refused.js';
import type { TrustedRoot } from './evidence.js';
import type { TpmRoot } from './types.js';

/** Trusts a TPM root. */
export function tpmRoot(root: TpmRoot): TrustedRoot {
  const verify = () => Promise.reject(new Error('unreachable')) as never;
  return { kind: 'tpm', hardware: !root.development, verify: () => refuse('evidence.kind_not_accepted') ?? verify() };
}
