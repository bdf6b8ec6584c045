// One X.509 certificate (RFC 5280) of an endorsement chain: read strictly, its signature checked
// over the bytes as they came. It belongs to TPM evidence. An extension that is critical and not
// understood here refuses the certificate.

import { concat, equal, text, type Bytes } from "../bytes.js";
import { need, refuse } from "../refused.js";
import {
  bits,
  content,
  elements,
  isTrue,
  objectId,
  only,
  REFUSED,
  seconds,
  TAG,
  within,
  type Element,
} from "./der.js";

/** Vendors' are below 2 KiB. */
const CERTIFICATE_BYTES_MAX = 8 * 1024;
const RSA_BITS_MIN = 2048;
const RSA_BITS_MAX = 8192;
const BASIC_CONSTRAINTS = "551d13";
const KEY_USAGE = "551d0f";
const EXTENDED_KEY_USAGE = "551d25";
const SUBJECT_ALT_NAME = "551d11";
/** Any policy will do, so that a critical one is understood. */
const CERTIFICATE_POLICIES = "551d20";
const UNDERSTOOD: readonly string[] = [
  BASIC_CONSTRAINTS,
  KEY_USAGE,
  EXTENDED_KEY_USAGE,
  SUBJECT_ALT_NAME,
  CERTIFICATE_POLICIES,
];
/** `tcg-kp-EKCertificate` and `tcg-at-tpmManufacturer` (EK credential profile 2.5). */
const EK_CERTIFICATE = "6781050801";
const TPM_MANUFACTURER = "6781050201";
const KEY_CERT_SIGN = 0x04;
const MANUFACTURER = /^id:[0-9A-Fa-f]{8}$/;
/** PKCS #1 v1.5 and ECDSA, by identifier: hash, and whether the key is RSA's. */
const SIGNATURES: Readonly<Record<string, { hash: string; rsa: boolean }>> = {
  "2a864886f70d01010b": { hash: "SHA-256", rsa: true },
  "2a864886f70d01010c": { hash: "SHA-384", rsa: true },
  "2a864886f70d01010d": { hash: "SHA-512", rsa: true },
  "2a8648ce3d040302": { hash: "SHA-256", rsa: false },
  "2a8648ce3d040303": { hash: "SHA-384", rsa: false },
};
const RSA_KEY = "2a864886f70d010101";
const EC_KEY = "2a8648ce3d0201";
const CURVES: Readonly<Record<string, { name: string; bytes: number }>> = {
  "2a8648ce3d030107": { name: "P-256", bytes: 32 },
  "2b81040022": { name: "P-384", bytes: 48 },
};

/** A certificate whose form is checked, and nothing else. */
export class Certificate {
  readonly der: Bytes;
  /** Whether its key may sign certificates. */
  readonly isAuthority: boolean;
  /** Whether it is an endorsement certificate, and no authority's. */
  readonly isEndorsement: boolean;
  readonly #body: readonly Element[];
  readonly #signed: Bytes;
  readonly #algorithm: Element;
  readonly #signature: Bytes;
  readonly #extensions: ReadonlyMap<string, Bytes>;
  readonly #pathLength: number;

  /** Reads DER. */
  constructor(der: Bytes) {
    need(der.length <= CERTIFICATE_BYTES_MAX, REFUSED);
    const [body, algorithm, signature, more] = only(der, TAG.sequence);
    const all = within(body, TAG.sequence);
    this.#body = all[0]?.tag === TAG.version ? all.slice(1) : all;
    need(
      body !== undefined &&
        algorithm !== undefined &&
        more === undefined &&
        equal(this.#part(1).raw, algorithm.raw),
      REFUSED,
    );
    [this.der, this.#signed, this.#algorithm, this.#signature] = [der, body.raw, algorithm, bits(signature)];
    this.#extensions = extensions(this.#body.find(({ tag }) => tag === TAG.extensions));
    const [ca, pathLength] = basicConstraints(this.#extensions.get(BASIC_CONSTRAINTS));
    this.isAuthority = ca && mayCertify(this.#extensions.get(KEY_USAGE));
    this.isEndorsement = !ca && usages(this.#extensions.get(EXTENDED_KEY_USAGE)).includes(EK_CERTIFICATE);
    this.#pathLength = pathLength;
    this.manufacturers();
  }

  /** Whether it holds at `now`. */
  isValidAt(now: number): boolean {
    const [from, to] = within(this.#part(3), TAG.sequence);
    return seconds(from) <= now && now <= seconds(to);
  }

  /** Whether so many authorities may stand between it and the leaf. */
  allowsBelow(authorities: number): boolean {
    return authorities <= this.#pathLength;
  }

  /** Whether it names `issuer` as its issuer. */
  namesIssuer(issuer: Certificate): boolean {
    const subject = issuer.#part(4);
    return subject.content.length > 0 && equal(this.#part(2).raw, subject.raw);
  }

  /** Whether the key of `issuer` signed it. */
  async isSignedBy(issuer: Certificate): Promise<boolean> {
    try {
      return await isSigned(this.#algorithm, this.#signature, this.#signed, issuer.#part(5));
    } catch {
      return false; // a key or signature that WebCrypto does not take
    }
  }

  /** The TPM's manufacturers, from the directory names in the subject alternative name. */
  manufacturers(): readonly string[] {
    const names = this.#extensions.get(SUBJECT_ALT_NAME);
    const directories = names ? only(names, TAG.sequence).filter(({ tag }) => tag === TAG.directoryName) : [];
    const sets = directories.flatMap((name) => only(name.content, TAG.sequence));
    const attributes = sets
      .flatMap((set) => within(set, TAG.set))
      .map((attribute) => within(attribute, TAG.sequence));
    const values = attributes.filter(([id]) => objectId(id) === TPM_MANUFACTURER).map(([, value]) => value);
    return values.map((value) => {
      const good = value?.tag === TAG.utf8 || value?.tag === TAG.printable;
      return good ? text(value.content) : "";
    });
  }

  /** The one manufacturer, `id:` and eight hex digits; refused where there is not exactly one. */
  manufacturer(): string {
    const [id = "", another] = this.manufacturers();
    need(another === undefined && MANUFACTURER.test(id), REFUSED);
    return id;
  }

  /** Serial, algorithm, issuer, validity, subject, key. */
  #part(at: number): Element {
    return this.#body[at] ?? refuse(REFUSED);
  }
}

function extensions(element: Element | undefined): ReadonlyMap<string, Bytes> {
  const found = new Map<string, Bytes>();
  if (!element) return found;
  for (const extension of only(element.content, TAG.sequence)) {
    const parts = within(extension, TAG.sequence);
    const id = objectId(parts[0]);
    const critical = parts.length === 3 && isTrue(parts[1]);
    need(!found.has(id) && (!critical || UNDERSTOOD.includes(id)), REFUSED);
    found.set(id, content(parts.at(-1), TAG.octets));
  }
  return found;
}

function basicConstraints(value: Bytes | undefined): [ca: boolean, pathLength: number] {
  const parts = value ? only(value, TAG.sequence) : [];
  const ca = parts[0]?.tag === TAG.boolean && isTrue(parts[0]);
  const limit = parts.at(-1)?.tag === TAG.integer ? content(parts.at(-1), TAG.integer) : undefined;
  need(limit === undefined || limit.length === 1, REFUSED);
  return [ca, limit?.[0] ?? Infinity];
}

function mayCertify(value: Bytes | undefined): boolean {
  const [usage] = value ? elements(value) : [];
  return usage?.tag === TAG.bits && ((usage.content[1] ?? 0) & KEY_CERT_SIGN) !== 0;
}

function usages(value: Bytes | undefined): readonly string[] {
  return value ? only(value, TAG.sequence).map(objectId) : [];
}

async function isSigned(algorithm: Element, signature: Bytes, signed: Bytes, key: Element): Promise<boolean> {
  const [id, parameters, more] = within(algorithm, TAG.sequence);
  const how = SIGNATURES[objectId(id)];
  const [keyId, curveId] = within(within(key, TAG.sequence)[0], TAG.sequence);
  const none =
    more === undefined && (parameters === undefined || (how?.rsa === true && parameters.tag === TAG.nothing));
  if (!how || !none) return false;
  return how.rsa
    ? isSignedByRsa(how.hash, objectId(keyId), key, signature, signed)
    : isSignedByEc(how.hash, [keyId, curveId], key, signature, signed);
}

async function isSignedByRsa(
  hash: string,
  keyId: string,
  key: Element,
  signature: Bytes,
  signed: Bytes,
): Promise<boolean> {
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash };
  const imported = await crypto.subtle.importKey("spki", new Uint8Array(key.raw), algorithm, false, [
    "verify",
  ]);
  const { modulusLength } = imported.algorithm as RsaHashedKeyAlgorithm;
  const sound = keyId === RSA_KEY && modulusLength >= RSA_BITS_MIN && modulusLength <= RSA_BITS_MAX;
  return sound && crypto.subtle.verify(algorithm, imported, signature, signed);
}

async function isSignedByEc(
  hash: string,
  ids: readonly (Element | undefined)[],
  key: Element,
  signature: Bytes,
  signed: Bytes,
): Promise<boolean> {
  const curve = objectId(ids[0]) === EC_KEY ? CURVES[objectId(ids[1])] : undefined;
  if (!curve) return false;
  const algorithm = { name: "ECDSA", namedCurve: curve.name, hash };
  const imported = await crypto.subtle.importKey("spki", new Uint8Array(key.raw), algorithm, false, [
    "verify",
  ]);
  const scalars = only(signature, TAG.sequence).map((scalar) =>
    fixed(content(scalar, TAG.integer), curve.bytes),
  );
  return scalars.length === 2 && crypto.subtle.verify(algorithm, imported, concat(...scalars), signed);
}

/** A number in just so many bytes: DER puts a zero before a high bit, and leaves others out. */
function fixed(number: Bytes, length: number): Bytes {
  const bytes = number[0] === 0 ? number.subarray(1) : number;
  need(bytes.length <= length, REFUSED);
  return concat(new Uint8Array(length - bytes.length), bytes);
}
