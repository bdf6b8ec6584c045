/**
 * Attested, sealed requests to Autoclave enclaves: verify, seal, open, check receipts.
 *
 * @packageDocumentation
 */

export { Connection, type ConnectionOptions } from "./connection.js";
export { digest, verifyDiagnosis } from "./receipt.js";
export { Problem, Refused, type RefusedDetails } from "./refused.js";
export { sentence } from "./sentences.js";
export { Staff, type Credentials } from "./staff.js";
export type * from "./types.js";
