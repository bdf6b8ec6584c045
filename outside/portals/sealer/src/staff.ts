// Staff at work: sign-in with a key of one's own, and requests that prove that key (RFC 9449).
// The key is WebCrypto's and cannot be taken out; a session without it is worth nothing.
// No password is kept, and one proof counts once however often its request is sealed.

import { SignJWT } from "jose";

import { b64url, randomText, sha256, utf8 } from "./bytes.js";
import type { Connection } from "./connection.js";
import { Members } from "./members.js";
import { Problem } from "./refused.js";
import type { Jwk, OpenedAnswer, SealedRequest } from "./types.js";

const CLINIC = "clinic";
const SIGN_IN_PATH = "/auth/sign-in";
const SIGN_OUT_PATH = "/auth/sign-out";
const PROOF_ID_BYTES = 16;
/** Treatment, in HL7's words: the purpose unless a request names another. */
const TREATMENT = "TREAT";
const MALFORMED = "client.answer_malformed";

/** What a person types to sign in. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
  /** The six digits of the moment. */
  readonly totp: string;
}

interface Session {
  readonly handle: string;
  readonly role: string;
  readonly expiresAt: number;
}

/** A signed-in person. The key of the session cannot be taken out of the browser. */
export class Staff {
  readonly user: string;
  readonly role: string;
  /** Seconds since 1970. */
  readonly expiresAt: number;
  readonly #connection: Connection;
  readonly #keys: CryptoKeyPair;
  #handle: string | undefined;

  private constructor(connection: Connection, keys: CryptoKeyPair, user: string, session: Session) {
    this.#connection = connection;
    this.#keys = keys;
    this.#handle = session.handle;
    this.user = user;
    this.role = session.role;
    this.expiresAt = session.expiresAt;
  }

  /** Throws `Problem` (`auth.refused`, `auth.paused`) or `Refused`. */
  static async signIn(connection: Connection, credentials: Credentials): Promise<Staff> {
    const algorithm = { name: "ECDSA", namedCurve: "P-256" };
    const keys = await crypto.subtle.generateKey(algorithm, false, ["sign", "verify"]);
    const { user, password, totp } = credentials;
    const dpop = await proof(keys, connection.now(), "POST", SIGN_IN_PATH);
    const headers = { "content-type": "application/json", dpop };
    const body = utf8(JSON.stringify({ user, password, totp }));
    const answer = await connection.send(CLINIC, { method: "POST", path: SIGN_IN_PATH, headers, body });
    return new Staff(connection, keys, user, readSession(succeeded(answer)));
  }

  /**
   * Sends within the session: adds `authorization`, `dpop`, and `purpose-of-use: TREAT` unless the
   * headers name another. A status of 400 and above inside the seal throws `Problem`.
   */
  async send(request: SealedRequest): Promise<OpenedAnswer> {
    const handle = this.#handle;
    if (handle === undefined) throw new Problem(401, "session.refused", "The session has ended.");
    const path = request.path.split("?", 1)[0] ?? request.path;
    const dpop = await proof(this.#keys, this.#connection.now(), request.method, path, handle);
    const headers = {
      "purpose-of-use": TREATMENT,
      ...request.headers,
      authorization: `DPoP ${handle}`,
      dpop,
    };
    return succeeded(await this.#connection.send(CLINIC, { ...request, headers }));
  }

  /** Ends the session, here in any case, and at the clinic where it can be reached. */
  async signOut(): Promise<void> {
    try {
      await this.send({ method: "POST", path: SIGN_OUT_PATH });
    } finally {
      this.#handle = undefined;
    }
  }
}

function succeeded(answer: OpenedAnswer): OpenedAnswer {
  const problem = Problem.of(answer);
  if (problem) throw problem;
  return answer;
}

function readSession(answer: OpenedAnswer): Session {
  const wire = Members.parse(new TextDecoder().decode(answer.body), MALFORMED);
  return { handle: wire.text("session"), role: wire.text("role"), expiresAt: wire.integer("expires_at") };
}

/** A proof that whoever asks holds the key: for one method, path and session, once. */
async function proof(
  keys: CryptoKeyPair,
  now: number,
  htm: string,
  htu: string,
  session?: string,
): Promise<string> {
  const { kty, crv, x, y } = (await crypto.subtle.exportKey("jwk", keys.publicKey)) as Jwk & JsonWebKey;
  const ath = session === undefined ? {} : { ath: b64url(await sha256(utf8(session))) };
  const claims = { htm, htu, iat: now, jti: randomText(PROOF_ID_BYTES), ...ath };
  const jwk = { kty: String(kty), crv: String(crv), x: String(x), y: String(y) };
  return new SignJWT(claims).setProtectedHeader({ alg: "ES256", typ: "dpop+jwt", jwk }).sign(keys.privateKey);
}
