// Bounds on time that several checks share. They belong to the protocol (ARCHITECTURE.md).
// All times are seconds since 1970.

/** How far two honest clocks may differ. */
export const SKEW_S = 30;
/** Oldest evidence that is looked at. */
export const EVIDENCE_AGE_MAX_S = 300;

/** Refuses evidence that was made in the future or too long ago. */
export function freshness(
  made: number,
  now: number,
): "evidence.not_yet_valid" | "evidence.stale" | undefined {
  if (made > now + SKEW_S) return "evidence.not_yet_valid";
  return now > made + EVIDENCE_AGE_MAX_S ? "evidence.stale" : undefined;
}
