// Connections to a world of the tests' own, and what they are refused with.
import assert from "node:assert/strict";

import { Connection } from "../../src/connection.js";
import { Refused } from "../../src/refused.js";
import type { ConnectionEvent } from "../../src/types.js";
import type { World } from "./world.js";

/** A connection to a world, and what happens on it. */
export function connect(
  to: World,
  fetching = to.fetch,
): { connection: Connection; events: ConnectionEvent[] } {
  const events: ConnectionEvent[] = [];
  const onEvent = (event: ConnectionEvent): void => void events.push(event);
  const options = {
    base: "http://edge.test/",
    trust: to.trust,
    fetch: fetching,
    now: () => to.now * 1000,
    onEvent,
  };
  return { connection: new Connection(options), events };
}

/** The refusal that something ends with. */
export async function refusal(action: () => Promise<unknown>): Promise<Refused> {
  try {
    await action();
  } catch (cause) {
    assert.ok(cause instanceof Refused, String(cause));
    return cause;
  }
  assert.fail("it was not refused");
}
