// What a refusal looks like from outside.
import { Refused } from "../../src/refused.js";

/** The code of the refusal that something ends with; undefined if it does not. */
export async function code(action: () => unknown): Promise<string | undefined> {
  try {
    await action();
    return undefined;
  } catch (cause) {
    if (cause instanceof Refused) return cause.code;
    throw cause;
  }
}
