// A small world with keys of its own: an attestor, a clinic and their release manifest, answering
// as ARCHITECTURE.md says. Tests change what it says through `hooks`, and see what is refused.
import { SignJWT } from "jose";

import { b64url, bigEndian, concat, digestOf, sha256, text, utf8, type Bytes } from "../../src/bytes.js";
import { measurementOf } from "../../src/claims.js";
import { canonical, canonicalDigest } from "../../src/jcs.js";
import { parseKey, thumbprint } from "../../src/jwk.js";
import type { Jwk, TrustAnchors } from "../../src/types.js";
import { readRequest, Recipient, writeResponse, type OpenedRequest } from "./recipient.js";

export type Json = Record<string, unknown>;

export const NOW = 1_790_000_000;
export const ISSUER = "http://attestor.test";
const POLICY =
  "autoclave appraisal policy 1: affirming if and only if the measurement is on the release manifest for this " +
  "kind of TEE, the security version is at least the manifest's, and debug is off; everything else is contraindicated.";

/** A signing key with its public half as JSON. */
export interface Signer {
  readonly jwk: Jwk;
  readonly kid: string;
  sign(typ: string, payload: Json, header?: Json): Promise<string>;
}

export async function signer(): Promise<Signer> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", keys.publicKey);
  const bare = { kty: String(kty), crv: String(crv), x: String(x), y: String(y) };
  const kid = await thumbprint(parseKey(bare, "test"));
  const sign = (typ: string, payload: Json, header: Json = {}): Promise<string> =>
    new SignJWT(payload).setProtectedHeader({ alg: "ES256", typ, kid, ...header }).sign(keys.privateKey);
  return { jwk: { ...bare, alg: "ES256", use: "sig", kid }, kid, sign };
}

/** What a process is, to whoever measures it. */
export interface Subject {
  executable: string;
  configuration: string;
  libraries: Record<string, string>;
  debug: boolean;
  svn: number;
}

export async function subject(name: string): Promise<Subject> {
  const [executable, configuration] = await Promise.all(
    ["executable", "configuration"].map((part) => digestOf(utf8(name + part))),
  );
  return {
    executable: executable ?? "",
    configuration: configuration ?? "",
    libraries: {},
    debug: false,
    svn: 1,
  };
}

/** An enclave: what it is, and its keys. */
export interface Enclave {
  readonly name: string;
  readonly subject: Subject;
  signing: Signer;
  recipient: Recipient;
  readonly ledger: Jwk;
}

export type Handler = (
  request: OpenedRequest,
) => { status: number; body: string } | Promise<{ status: number; body: string }>;

/** Where a test changes what is said; each gets what the world would say. */
export interface Hooks {
  manifest?: (claims: Json) => Json;
  evidence?: (party: string, claims: Json) => Json;
  runtime?: (party: string, runtime: Json) => Json;
  claims?: (claims: Json) => Json;
  jwks?: (jwks: Json) => Json;
  /** The last word on an answer in clear. */
  answer?: (party: string, path: string, body: Bytes) => Bytes | Response;
}

export class World {
  now = NOW;
  hooks: Hooks = {};
  /** Every request as it came, in order. */
  readonly asked: { party: string; path: string }[] = [];
  /** Every sealed request that was opened. */
  readonly opened: OpenedRequest[] = [];
  handler: Handler = () => ({ status: 200, body: '{"ok":true}' });
  serial = 5;
  /** Evidence that was made, by its text: whose it is, and over what. */
  readonly #made = new Map<string, { name: string; runtime: string }>();

  readonly root: Signer;
  readonly release: Signer;
  readonly tokens: Signer;
  readonly enclaves: Record<string, Enclave>;

  private constructor(root: Signer, release: Signer, tokens: Signer, enclaves: Record<string, Enclave>) {
    [this.root, this.release, this.tokens, this.enclaves] = [root, release, tokens, enclaves];
  }

  static async make(): Promise<World> {
    const [root, release, tokens] = await Promise.all([signer(), signer(), signer()]);
    const names = ["attestor", "clinic", "diagnosis"];
    const enclaves = await Promise.all(names.map(async (name) => [name, await enclave(name)] as const));
    return new World(root, release, tokens, Object.fromEntries(enclaves));
  }

  get trust(): TrustAnchors {
    const roots = [{ kind: "software", jwk: this.root.jwk } as const];
    return { roots, release_keys: [this.release.jwk], issuer: ISSUER, manifest_serial_min: this.serial };
  }

  get(name: string): Enclave {
    const found = this.enclaves[name];
    if (!found) throw new Error(`no ${name}`);
    return found;
  }

  /** The party restarts: new keys, the same code. */
  async restart(name: string): Promise<void> {
    const fresh = await enclave(name);
    Object.assign(this.get(name), { signing: fresh.signing, recipient: fresh.recipient });
  }

  get jwks(): Json {
    return { keys: [this.tokens.jwk] };
  }

  async runtime(name: string, nonce: string): Promise<Json> {
    const { signing, recipient, ledger } = this.get(name);
    const xwing = {
      kty: "AKP",
      alg: "X-Wing",
      use: "enc",
      kid: String(recipient.key.id),
      pub: b64url(recipient.key.public),
    };
    const jwks =
      name === "attestor" ? { jwks: await canonicalDigest(this.hooks.jwks?.(this.jwks) ?? this.jwks) } : {};
    const runtime = { nonce, keys: [signing.jwk, xwing, ledger], ...jwks };
    return this.hooks.runtime?.(name, runtime) ?? runtime;
  }

  async evidence(name: string, runtime: Json): Promise<Json> {
    const report = concat(await sha256(utf8(canonical(runtime))), new Uint8Array(32));
    const claims: Json = { report_data: b64url(report), ...this.get(name).subject, iat: this.now };
    const said = this.hooks.evidence?.(name, claims) ?? claims;
    const body = await this.root.sign("autoclave-software-evidence+jwt", said);
    this.#made.set(canonical({ kind: "software", body }), { name, runtime: canonical(runtime) });
    return { kind: "software", body };
  }

  async manifestClaims(): Promise<Json> {
    const workloads = await Promise.all(
      Object.values(this.enclaves).map(
        async ({ name, subject: { executable, configuration, libraries, svn } }) => {
          const measurement = await measurementOf({ executable, configuration, libraries });
          return { name, version: "1", measurement, executable, configuration, svn, kinds: ["software"] };
        },
      ),
    );
    const claims = { iss: "release", serial: this.serial, iat: NOW - 100, exp: NOW + 100_000, workloads };
    return this.hooks.manifest?.(claims) ?? claims;
  }

  async manifest(): Promise<string> {
    return this.release.sign("autoclave-release+jwt", await this.manifestClaims());
  }

  async policyHash(): Promise<string> {
    const parts = [utf8(POLICY), await sha256(utf8(JSON.stringify(await this.manifestClaims())))];
    return b64url(await sha256(concat(...parts.flatMap((part) => [bigEndian(part.length, 8), part]))));
  }

  async claims(name: string, runtime: Json, aud: string): Promise<Json> {
    const { debug, svn, ...measured } = this.get(name).subject;
    const measurement = await measurementOf(measured);
    const evidence = { kind: "software", hw_backed: false, debug, measurement, ...measured, svn };
    const policy = { "ear.status": "affirming", "ear.appraisal-policy-id": "autoclave-1" };
    const cpu0 = { ...policy, "ear.veraison.annotated-evidence": { software: evidence } };
    const times = { iat: this.now, nbf: this.now, exp: this.now + 600 };
    const [iss, jti] = [ISSUER, "jti"];
    const claims: Json = {
      iss,
      sub: name,
      aud,
      ...times,
      jti,
      eat_nonce: runtime["nonce"],
      eat_profile: "tag:autoclave.health,2026:ear",
      submods: { cpu0 },
      cnf: { jwk: this.get(name).signing.jwk },
      dbgstat: debug ? "enabled" : "disabled",
      hw_backed: false,
      measurement,
      "x-ms-attestation-type": "software",
      "x-ms-policy-hash": await this.policyHash(),
      "x-ms-runtime": runtime,
    };
    return this.hooks.claims?.(claims) ?? claims;
  }

  async token(name: string, runtime: Json, aud: string): Promise<string> {
    return this.tokens.sign("JWT", await this.claims(name, runtime, aud));
  }

  /** Stands in the network's place. */
  readonly fetch: typeof fetch = async (input, init) => {
    const [, party, path] = /\/parties\/([a-z]+)(\/.*)$/.exec(String(input)) ?? [];
    if (!party || !path) return new Response("", { status: 404 });
    this.asked.push({ party, path });
    const body = new Uint8Array(await new Response(init?.body ?? "").arrayBuffer());
    if (path === "/sealed") return this.#sealed(party, body);
    const said = await this.#plain(party, path, body);
    const answer = this.hooks.answer?.(party, path, said) ?? said;
    return answer instanceof Response ? answer : new Response(answer);
  };

  async #plain(party: string, path: string, body: Bytes): Promise<Bytes> {
    const asked = body.length > 0 ? (JSON.parse(text(body)) as Json) : {};
    switch (path) {
      case "/.well-known/autoclave/evidence": {
        const runtime = await this.runtime(party, String(asked["nonce"]));
        return utf8(JSON.stringify({ evidence: await this.evidence(party, runtime), runtime }));
      }
      case "/.well-known/jwks.json":
        return utf8(JSON.stringify(this.jwks));
      case "/attest/manifest":
        return utf8(await this.manifest());
      case "/attest/nonce":
        return utf8(
          JSON.stringify({
            nonce: b64url(crypto.getRandomValues(new Uint8Array(32))),
            expires_at: this.now + 60,
          }),
        );
      case "/attest":
        return utf8(JSON.stringify(await this.#appraised(asked)));
      default:
        return utf8("{}");
    }
  }

  /** A token for evidence that was made here over just this runtime object; else a problem. */
  async #appraised({ evidence, runtime, audience }: Json): Promise<Json> {
    const made = this.#made.get(canonical(evidence));
    if (made?.runtime !== canonical(runtime)) return { code: "evidence.report_data", title: "No." };
    return { token: await this.token(made.name, runtime as Json, String(audience)) };
  }

  async #sealed(party: string, body: Bytes): Promise<Response> {
    try {
      const { plaintext, answer } = await this.get(party).recipient.open(body);
      const request = readRequest(plaintext);
      this.opened.push(request);
      const { status, body: said } = await this.handler(request);
      const type = status < 400 ? "application/json" : "application/problem+json";
      const sealed = await answer(writeResponse(status, [["content-type", type]], utf8(said)));
      return new Response(sealed, { headers: { "content-type": "message/ohttp-chunked-res" } });
    } catch {
      const problem = { type: "about:blank", title: "No.", status: 422, code: "seal.key_unknown" };
      return new Response(JSON.stringify(problem), {
        status: 422,
        headers: { "content-type": "application/problem+json" },
      });
    }
  }
}

async function enclave(name: string): Promise<Enclave> {
  const id = crypto.getRandomValues(new Uint8Array(1))[0] ?? 0;
  const pair = (await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])) as CryptoKeyPair;
  const { x } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const ledger = { kty: "OKP", crv: "Ed25519", use: "sig", kid: "ledger", x: String(x) };
  return {
    name,
    subject: await subject(name),
    signing: await signer(),
    recipient: await Recipient.of("X-Wing", id),
    ledger,
  };
}
