// TPM 2.0 evidence: a launcher measured the program into the TPM's registers, and the TPM signs
// them under a key that was certified for it. Stage by stage; the first that fails names the code.
// The endorsement chain is not walked here: whoever certified the key did that, and says so.

import { concat, digestOf, equal, fromB64url, type Bytes } from '../bytes.js';
import { measurementOf, type Claims } from '../claims.js';
import type { Evidence, EvidenceContext, TrustedRoot } from '../evidence.js';
import { parseKey, thumbprint, type Key } from '../jwk.js';
import { JwsRefusal, parseJws, verifyJws } from '../jws.js';
import { Members } from '../members.js';
import { need, refuse } from '../refused.js';
import { SKEW_S } from '../times.js';
import { parseEvent, PCR_BOOTED, PCRS, readLog, type LogEvent } from './log.js';
import { isSoftware, manufacturerOf } from './manufacturer.js';
import { isOver, parseAttestationKey, parseQuote, parseSignature } from './wire.js';

const AK_TYP = 'autoclave-tpm-ak+jwt';
const MALFORMED = 'evidence.malformed';
const TRUST = 'client.trust';
const NONCE_BYTES = 32;
/** A leaf, and intermediates of vendors with room. */
const CHAIN_MAX = 4;
const HEX = /^[0-9a-f]{64}$/;

interface Root {
  readonly issuers: readonly Key[];
  readonly development: boolean;
  readonly firmware: readonly { pcr: number; values: readonly string[] }[];
}

interface Body {
  readonly quote: Bytes;
  readonly signature: Bytes;
  readonly pcrs: readonly string[];
  readonly log: readonly LogEvent[];
  readonly ak: string;
  readonly ek: readonly Bytes[];
}

interface Certificate {
  readonly ak: Bytes;
  readonly ek: string;
}

/** Trusts a root of TPMs, as it stands in a trust file. */
export function tpmRoot(value: unknown): TrustedRoot {
  const root = parseRoot(value);
  return { kind: 'tpm', hardware: !root.development, verify: (evidence, context) => verify(evidence, root, context) };
}

function parseRoot(value: unknown): Root {
  const wire = new Members(value, TRUST).only('kind', 'ek_roots', 'ak_issuers', 'development', 'firmware');
  const issuers = wire.list('ak_issuers').map((key) => parseKey(key, TRUST));
  need(issuers.length > 0 && issuers.every((key) => key.kind === 'P-256') && wire.texts('ek_roots').length > 0, TRUST);
  const firmware = (wire.has('firmware') ? wire.list('firmware') : []).map(parseFirmware);
  const registers = new Set(firmware.map(({ pcr }) => pcr));
  const development = wire.flag('development');
  need(registers.size === firmware.length && (development || firmware.length > 0), TRUST);
  return { issuers, development, firmware };
}

function parseFirmware(value: unknown): { pcr: number; values: readonly string[] } {
  const wire = new Members(value, TRUST).only('pcr', 'values');
  const [pcr, values] = [wire.integer('pcr'), wire.texts('values')];
  need(pcr < PCR_BOOTED && values.length > 0, TRUST);
  return { pcr, values };
}

/** Undefined where another root may know the issuer of the key's certificate. */
async function verify(evidence: Evidence, root: Root, context: EvidenceContext): Promise<Claims | undefined> {
  const body = parseBody(evidence.body);
  const certificate = await akCertificate(body.ak, root, context.now);
  if (!certificate) return undefined;
  const [leaf] = body.ek;
  need(leaf !== undefined && body.ek.length <= CHAIN_MAX, 'evidence.tpm_ek');
  need(certificate.ek === (await digestOf(leaf)), 'evidence.tpm_ak');
  const manufacturer = manufacturerOf(leaf);
  const registers = body.pcrs.map((register) => new Uint8Array(register.match(/../g)?.map((byte) => Number.parseInt(byte, 16)) ?? []));
  await checkQuote(body, parseAttestationKey(certificate.ak), registers, context.reportData);
  const told = await readLog(body.log, registers);
  const known = root.firmware.every(({ pcr, values }) => values.includes(`sha256:${body.pcrs[pcr] ?? ''}`));
  need(known, 'evidence.tpm_firmware');
  const hwBacked = !root.development && !isSoftware(manufacturer);
  return { kind: 'tpm', hwBacked, debug: told.debug, measurement: await measurementOf(told.measured), svn: told.svn };
}

function parseBody(json: string): Body {
  const wire = Members.parse(json, MALFORMED).only('quote', 'signature', 'pcrs', 'log', 'ak', 'ek');
  const bytes = (value: string): Bytes => fromB64url(value) ?? refuse(MALFORMED);
  const [pcrs, log] = [wire.texts('pcrs'), wire.list('log').map(parseEvent)];
  need(pcrs.length === PCRS && pcrs.every((register) => HEX.test(register)), MALFORMED);
  const [quote, signature] = [bytes(wire.text('quote')), bytes(wire.text('signature'))];
  return { quote, signature, pcrs, log, ak: wire.text('ak'), ek: wire.texts('ek').map(bytes) };
}

/** The issuer's word that the key lives in the TPM of one endorsement certificate. */
async function akCertificate(raw: string, root: Root, now: number): Promise<Certificate | undefined> {
  const code = 'evidence.tpm_ak';
  try {
    const jws = parseJws(raw, AK_TYP);
    const names = await Promise.all(root.issuers.map(thumbprint));
    const issuer = root.issuers.find((_, at) => names[at] === jws.kid);
    if (!issuer) return undefined;
    const wire = Members.parse(await verifyJws(jws, issuer), code).only('ak', 'ek', 'iat', 'exp');
    const found = { ak: fromB64url(wire.text('ak')) ?? refuse(code), ek: wire.digest('ek') };
    need(wire.integer('iat') <= now + SKEW_S && now < wire.integer('exp'), 'evidence.tpm_ak_validity');
    return found;
  } catch (cause) {
    if (!(cause instanceof JwsRefusal)) throw cause;
    return refuse(code);
  }
}

/** That the TPM signed, over our nonce, the registers that the body shows. */
async function checkQuote(body: Body, key: Bytes, registers: readonly Bytes[], reportData: Bytes): Promise<void> {
  need(await isSigned(body, key), 'evidence.signature');
  const quote = parseQuote(body.quote);
  const nonce = concat(quote.extraData, new Uint8Array(NONCE_BYTES));
  need(quote.extraData.length === NONCE_BYTES && equal(nonce, reportData), 'evidence.report_data');
  need(quote.selectsAll, 'evidence.tpm_selection');
  need(await isOver(quote, registers), 'evidence.tpm_pcrs');
}

async function isSigned(body: Body, point: Bytes): Promise<boolean> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const signature = parseSignature(body.signature);
  const key = await crypto.subtle.importKey('raw', point, algorithm, false, ['verify']).catch(() => refuse('evidence.tpm_ak_key'));
  return crypto.subtle.verify(algorithm, key, signature, body.quote);
}
