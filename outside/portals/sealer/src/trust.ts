// What a relying party starts from, ready to verify with: roots and release keys.
// It belongs to whoever loads the trust file.
// No key of an attestor is ever named here.

import { softwareRoot, type TrustedRoot } from "./evidence.js";
import { parseKey, type Key } from "./jwk.js";
import { Members } from "./members.js";
import { need, refuse } from "./refused.js";
import { tpmRoot } from "./tpm/root.js";
import type { Root, TrustAnchors } from "./types.js";

/** Trust, ready to verify with. */
export interface Trust {
  readonly roots: readonly TrustedRoot[];
  readonly releaseKeys: readonly Key[];
  readonly issuer: string;
  readonly serialMin: number;
  /** Whether tokens must be backed by hardware: unless a development root is named. */
  readonly hardwareRequired: boolean;
}

/** Reads trust anchors; refuses with `client.trust`. */
export function readTrust(anchors: TrustAnchors): Trust {
  const wire = new Members(anchors, "client.trust");
  const roots = (wire.list("roots") as readonly Root[]).map(root);
  const releaseKeys = wire.list("release_keys").map((key) => parseKey(key, "client.trust"));
  need(
    releaseKeys.every((key) => key.kind === "P-256"),
    "client.trust",
  );
  const serialMin = wire.has("manifest_serial_min") ? wire.integer("manifest_serial_min") : 0;
  const hardwareRequired = roots.every((one) => one.hardware);
  return { roots, releaseKeys, issuer: wire.text("issuer"), serialMin, hardwareRequired };
}

function root(value: Root): TrustedRoot {
  switch (new Members(value, "client.trust").text("kind")) {
    case "software":
      return softwareRoot(value as Extract<Root, { kind: "software" }>);
    case "tpm":
      return tpmRoot(value);
    default:
      return refuse("client.trust");
  }
}
