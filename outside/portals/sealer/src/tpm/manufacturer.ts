// The manufacturer of a TPM, as its endorsement certificate names it (EK credential profile 2.5,
// section 3.1.2). It belongs to TPM evidence. The certificate is not verified here: the issuer of
// the attestation key's certificate did that, and names it by digest.

import { text, type Bytes } from '../bytes.js';
import { need, refuse } from '../refused.js';

const REFUSED = 'evidence.tpm_ek';
const SEQUENCE = 0x30;
const EXTENSIONS = 0xa3;
const DIRECTORY_NAME = 0xa4;
const OCTETS = 0x04;
const OBJECT_ID = 0x06;
const UTF8 = 0x0c;
const PRINTABLE = 0x13;
/** 2.5.29.17, subjectAltName. */
const SUBJECT_ALT_NAME = '551d11';
/** 2.23.133.2.1, tcg-at-tpmManufacturer. */
const TPM_MANUFACTURER = '6781050201';
const ID = /^id:[0-9A-Fa-f]{8}$/;
/** libtpms, the IBM and Microsoft simulators (Hyper-V's too), VMware, Amazon. */
const SOFTWARE: readonly string[] = ['00001014', '49424D20', '4D534654', '564D5700', '414D5A4E'];

interface Element {
  readonly tag: number;
  readonly content: Bytes;
}

/** The elements of DER (X.690, sections 8.1 and 10.1), one after the other. */
function elements(bytes: Bytes): readonly Element[] {
  const found: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const [tag, first] = [bytes[at] ?? 0, bytes[at + 1] ?? refuse(REFUSED)];
    const more = first < 0x80 ? 0 : first - 0x80;
    need(more <= 2 && (tag & 0x1f) !== 0x1f, REFUSED);
    const start = at + 2 + more;
    const length = more === 0 ? first : bytes.subarray(at + 2, start).reduce((sum, byte) => sum * 256 + byte, 0);
    need(start + length <= bytes.length, REFUSED);
    found.push({ tag, content: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return found;
}

const within = (all: readonly Element[], tag: number): readonly Element[] =>
  all.filter((one) => one.tag === tag).flatMap(({ content }) => elements(content));
const named = (parts: readonly Element[], id: string): boolean =>
  parts[0]?.tag === OBJECT_ID && Array.from(parts[0].content, (byte) => byte.toString(16).padStart(2, '0')).join('') === id;

/** The manufacturer in an endorsement certificate, `id:` and eight hex digits. */
export function manufacturerOf(certificate: Bytes): string {
  const [body] = within(elements(certificate), SEQUENCE);
  const extensions = within(within(body ? elements(body.content) : [], EXTENSIONS), SEQUENCE).map(({ content }) => elements(content));
  const [names, another] = extensions.filter((parts) => named(parts, SUBJECT_ALT_NAME));
  need(names !== undefined && another === undefined, REFUSED);
  const general = within(within(names, OCTETS), SEQUENCE);
  const sets = within(within(general, DIRECTORY_NAME), SEQUENCE);
  const attributes = sets.flatMap(({ content }) => elements(content)).map(({ content }) => elements(content));
  const [found, second] = attributes.filter((parts) => named(parts, TPM_MANUFACTURER));
  const value = found?.[1];
  need(value !== undefined && second === undefined && (value.tag === UTF8 || value.tag === PRINTABLE), REFUSED);
  const id = text(value.content);
  need(ID.test(id), REFUSED);
  return id;
}

/** Whether its TPMs are programs, which no hardware stands behind by itself. */
export function isSoftware(manufacturer: string): boolean {
  return SOFTWARE.includes(manufacturer.slice('id:'.length).toUpperCase());
}
