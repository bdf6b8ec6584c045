// The connection: parties that were verified, and sealed requests to them. It belongs to the page.
// Nothing is sealed to a key that a verified token does not name, and a request that may have
// been taken is never sent again, except where the enclave says that it could not open it.

import { handshake, partyUrl, type Around, type Peer } from "./handshake.js";
import { carry, transport, type PlainAnswer } from "./http.js";
import { need, problemIn, Refused } from "./refused.js";
import { bestSealingKey, type SealingKey } from "./runtime.js";
import { REQUEST_MEDIA_TYPE, RESPONSE_MEDIA_TYPE, Sealing } from "./sealing.js";
import { readTrust } from "./trust.js";
import type {
  ConnectionEvent,
  OpenedAnswer,
  ReattestReason,
  SealedRequest,
  TrustAnchors,
  VerifiedEnclave,
} from "./types.js";

const SEALED_PATH = "/sealed";
const KEY_UNKNOWN = "seal.key_unknown";
/** Largest answer: a mask and its receipt, generously. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
/** Time without progress until an answer has come: an inference, on a busy machine. */
const SILENT_MS_MAX = 300_000;
/** A token that ends sooner is renewed before a request is sealed under it (seconds). */
const RENEW_S = 60;
const BOUNDS = { answerBytesMax: ANSWER_BYTES_MAX, silentMsMax: SILENT_MS_MAX } as const;
const WORKLOAD = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** How to connect. */
export interface ConnectionOptions {
  /** The edge, such as `https://h:port`; empty for the page's own origin. */
  readonly base: string;
  readonly trust: TrustAnchors;
  readonly fetch?: typeof fetch;
  /** Milliseconds since 1970, as `Date.now`. */
  readonly now?: () => number;
  readonly onEvent?: (event: ConnectionEvent) => void;
}

/** A connection to a deployment. Nothing is sealed to a key that no verified token names. */
export class Connection {
  readonly #around: Around;
  readonly #onEvent: (event: ConnectionEvent) => void;
  readonly #peers = new Map<string, Peer>();
  readonly #verifying = new Map<string, Promise<Peer>>();

  /** Nothing is asked of anybody yet. Throws `Refused` (`client.trust`) for bad trust. */
  constructor(options: ConnectionOptions) {
    const milliseconds = options.now ?? Date.now;
    const now = (): number => Math.floor(milliseconds() / 1000);
    const base = options.base.replace(/\/$/, "");
    this.#around = { base, trust: readTrust(options.trust), send: transport(options.fetch), now };
    this.#onEvent = options.onEvent ?? ((): void => undefined);
  }

  /** The present time by this connection's clock (seconds since 1970). */
  now(): number {
    return this.#around.now();
  }

  /** Runs the whole handshake: attestor, then the party. Throws `Refused`. */
  async verify(workload: string): Promise<VerifiedEnclave> {
    return (await this.#verify(workload)).enclave;
  }

  /** What was verified last, if anything. */
  current(workload: string): VerifiedEnclave | undefined {
    return this.#peers.get(workload)?.enclave;
  }

  /**
   * Seals and sends a request, and opens the answer, whatever its status. Verifies first where
   * that was not done or has expired. Where the enclave has lost its key it is verified again
   * and the request sealed anew, once. Throws `Refused`.
   */
  async send(workload: string, request: SealedRequest): Promise<OpenedAnswer> {
    const peer = await this.#fresh(workload);
    const answer = await this.#exchange(peer, request);
    if (answer) return answer;
    const again = await this.#exchange(await this.#another(peer), request);
    return again ?? this.#refused(new Refused(KEY_UNKNOWN, { sent: true }));
  }

  async #fresh(workload: string): Promise<Peer> {
    const known = this.#peers.get(workload);
    if (!known) return this.#verify(workload);
    return known.enclave.expiresAt > this.now() + RENEW_S ? known : this.#verify(workload, "expired");
  }

  /** The enclave under another key than `peer`'s: verified meanwhile for another request, or now. */
  async #another(peer: Peer): Promise<Peer> {
    const { workload } = peer.enclave;
    const known = this.#peers.get(workload);
    return known && known !== peer ? known : this.#verify(workload, "key_changed");
  }

  /** One handshake at a time for each workload. What fails it is forgotten, so nothing is sent. */
  async #verify(workload: string, why?: ReattestReason): Promise<Peer> {
    const running = this.#verifying.get(workload);
    if (running) return running;
    const started = this.#handshake(workload, why).finally(() => this.#verifying.delete(workload));
    this.#verifying.set(workload, started);
    return started;
  }

  async #handshake(workload: string, why?: ReattestReason): Promise<Peer> {
    const previous = this.#peers.get(workload)?.enclave;
    this.#onEvent({ type: "verifying" });
    try {
      need(WORKLOAD.test(workload), "client.request");
      const peer = await handshake(this.#around, workload);
      this.#peers.set(workload, peer);
      this.#onEvent(outcome(peer.enclave, previous, why));
      return peer;
    } catch (cause) {
      this.#peers.delete(workload);
      return this.#refused(cause);
    }
  }

  /** Undefined where the enclave does not hold the key that the request was sealed to. */
  async #exchange(peer: Peer, request: SealedRequest): Promise<OpenedAnswer | undefined> {
    let sent = false;
    try {
      request.signal?.throwIfAborted();
      const sealing = await Sealing.of(request, sealingKey(peer), this.now());
      sent = true;
      const answer = await this.#post(peer, sealing, request);
      if (answer.status === 200 && answer.contentType === RESPONSE_MEDIA_TYPE)
        return await sealing.open(answer.body);
      return plain(answer);
    } catch (cause) {
      return this.#refused(cause instanceof Refused ? cause.with({ sent }) : cause);
    }
  }

  #post(peer: Peer, sealing: Sealing, request: SealedRequest): Promise<PlainAnswer> {
    const { onProgress, signal } = request;
    const url = partyUrl(this.#around.base, peer.enclave.workload, SEALED_PATH);
    const fixed = { method: "POST", path: SEALED_PATH, contentType: REQUEST_MEDIA_TYPE } as const;
    const exchange = { ...fixed, body: sealing, ...BOUNDS, onProgress, signal };
    return carry(this.#around.send, url, exchange);
  }

  #refused(cause: unknown): never {
    if (cause instanceof Refused) this.#onEvent({ type: "refused", error: cause });
    throw cause;
  }
}

function outcome(
  enclave: VerifiedEnclave,
  previous?: VerifiedEnclave,
  why?: ReattestReason,
): ConnectionEvent {
  if (!previous || !why) return { type: "verified", enclave };
  const reason = previous.measurement === enclave.measurement ? why : "measurement_changed";
  return { type: "reattested", previous, current: enclave, reason };
}

function sealingKey(peer: Peer): SealingKey {
  const key = bestSealingKey(peer.token.runtime);
  need(key !== undefined, "client.no_sealing_key");
  return key;
}

/**
 * An answer in clear: of the edge, or of the party before it could open anything. Anybody may
 * have written it, so all that it can cause is one more verification.
 */
function plain(answer: PlainAnswer): undefined {
  const { status } = answer;
  const code = problemIn(answer.body)?.code ?? "client.status";
  if (code !== KEY_UNKNOWN) throw new Refused(code, { status });
  return undefined;
}
