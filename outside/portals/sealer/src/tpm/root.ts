// TPM 2.0 evidence: a launcher measured the program into the TPM's registers, and the TPM signs
// them under a key that was certified for it. Stage by stage: whose key, which TPM, what it quoted,
// which registers, what the log makes of them; the first that fails names the code.

import { concat, digestOf, equal, fromB64url, type Bytes } from "../bytes.js";
import { measurementOf, type Claims } from "../claims.js";
import type { Evidence, EvidenceContext, TrustedRoot } from "../evidence.js";
import { parseKey, thumbprint, type Key } from "../jwk.js";
import { JwsRefusal, parseJws, verifyJws } from "../jws.js";
import { Members } from "../members.js";
import { need, refuse } from "../refused.js";
import { SKEW_S } from "../times.js";
import { Certificate } from "./certificate.js";
import { verifyChain } from "./chain.js";
import { parseEvent, PCR_BOOTED, PCRS, readLog, type LogEvent } from "./log.js";
import { isSoftware } from "./manufacturer.js";
import { isOver, parseAttestationKey, parseQuote, parseSignature } from "./wire.js";

const AK_TYP = "autoclave-tpm-ak+jwt";
const MALFORMED = "evidence.malformed";
const TRUST = "client.trust";
const NONCE_BYTES = 32;
const HEX = /^[0-9a-f]{64}$/;

interface Root {
  readonly endorsers: readonly Certificate[];
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

interface KeyCertificate {
  readonly ak: Bytes;
  readonly ek: string;
}

/** Trusts a root of TPMs, as it stands in a trust file. */
export function tpmRoot(value: unknown): TrustedRoot {
  const root = parseRoot(value);
  return {
    kind: "tpm",
    hardware: !root.development,
    verify: (evidence, context) => verify(evidence, root, context),
  };
}

function parseRoot(value: unknown): Root {
  const wire = new Members(value, TRUST).only("kind", "ek_roots", "ak_issuers", "development", "firmware");
  const issuers = wire.list("ak_issuers").map((key) => parseKey(key, TRUST));
  const endorsers = wire.texts("ek_roots").map(parseEndorser);
  need(issuers.length > 0 && issuers.every((key) => key.kind === "P-256") && endorsers.length > 0, TRUST);
  const firmware = (wire.has("firmware") ? wire.list("firmware") : []).map(parseFirmware);
  const registers = new Set(firmware.map(({ pcr }) => pcr));
  const development = wire.flag("development");
  need(registers.size === firmware.length && (development || firmware.length > 0), TRUST);
  return { endorsers, issuers, development, firmware };
}

function parseEndorser(value: string): Certificate {
  try {
    const certificate = new Certificate(fromB64url(value) ?? refuse(TRUST));
    return certificate.isAuthority ? certificate : refuse(TRUST);
  } catch {
    return refuse(TRUST);
  }
}

function parseFirmware(value: unknown): { pcr: number; values: readonly string[] } {
  const wire = new Members(value, TRUST).only("pcr", "values");
  const [pcr, values] = [wire.integer("pcr"), wire.texts("values")];
  need(pcr < PCR_BOOTED && values.length > 0, TRUST);
  return { pcr, values };
}

/** Undefined where another root may know the issuer of the key's or the TPM's certificate. */
async function verify(evidence: Evidence, root: Root, context: EvidenceContext): Promise<Claims | undefined> {
  const body = parseBody(evidence.body);
  const certificate = await akCertificate(body.ak, root, context.now);
  if (!certificate) return undefined;
  const leaf = await verifyChain(body.ek, root.endorsers, context.now);
  if (!leaf) return undefined;
  need(certificate.ek === (await digestOf(leaf.der)), "evidence.tpm_ak");
  const registers = body.pcrs.map(
    (register) => new Uint8Array(register.match(/../g)?.map((byte) => Number.parseInt(byte, 16)) ?? []),
  );
  await checkQuote(body, parseAttestationKey(certificate.ak), registers, context.reportData);
  const told = await readLog(body.log, registers);
  const known = root.firmware.every(({ pcr, values }) => values.includes(`sha256:${body.pcrs[pcr] ?? ""}`));
  need(known, "evidence.tpm_firmware");
  const hwBacked = !root.development && !isSoftware(leaf.manufacturer());
  return {
    kind: "tpm",
    hwBacked,
    debug: told.debug,
    measurement: await measurementOf(told.measured),
    svn: told.svn,
  };
}

function parseBody(json: string): Body {
  const wire = Members.parse(json, MALFORMED).only("quote", "signature", "pcrs", "log", "ak", "ek");
  const bytes = (value: string): Bytes => fromB64url(value) ?? refuse(MALFORMED);
  const [pcrs, log] = [wire.texts("pcrs"), wire.list("log").map(parseEvent)];
  need(pcrs.length === PCRS && pcrs.every((register) => HEX.test(register)), MALFORMED);
  const [quote, signature] = [bytes(wire.text("quote")), bytes(wire.text("signature"))];
  return { quote, signature, pcrs, log, ak: wire.text("ak"), ek: wire.texts("ek").map(bytes) };
}

/** The issuer's word that the key lives in the TPM of one endorsement certificate. */
async function akCertificate(raw: string, root: Root, now: number): Promise<KeyCertificate | undefined> {
  const code = "evidence.tpm_ak";
  try {
    const jws = parseJws(raw, AK_TYP);
    const names = await Promise.all(root.issuers.map(thumbprint));
    const issuer = root.issuers.find((_, at) => names[at] === jws.kid);
    if (!issuer) return undefined;
    const wire = Members.parse(await verifyJws(jws, issuer), code).only("ak", "ek", "iat", "exp");
    const found = { ak: fromB64url(wire.text("ak")) ?? refuse(code), ek: wire.digest("ek") };
    need(wire.integer("iat") <= now + SKEW_S && now < wire.integer("exp"), "evidence.tpm_ak_validity");
    return found;
  } catch (cause) {
    if (!(cause instanceof JwsRefusal)) throw cause;
    return refuse(code);
  }
}

/** That the TPM signed, over our nonce, the registers that the body shows. */
async function checkQuote(
  body: Body,
  key: Bytes,
  registers: readonly Bytes[],
  reportData: Bytes,
): Promise<void> {
  need(await isSigned(body, key), "evidence.signature");
  const quote = parseQuote(body.quote);
  const nonce = concat(quote.extraData, new Uint8Array(NONCE_BYTES));
  need(quote.extraData.length === NONCE_BYTES && equal(nonce, reportData), "evidence.report_data");
  need(quote.selectsAll, "evidence.tpm_selection");
  need(await isOver(quote, registers), "evidence.tpm_pcrs");
}

async function isSigned(body: Body, point: Bytes): Promise<boolean> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const signature = parseSignature(body.signature);
  const key = await crypto.subtle
    .importKey("raw", point, algorithm, false, ["verify"])
    .catch(() => refuse("evidence.tpm_ak_key"));
  return crypto.subtle.verify(algorithm, key, signature, body.quote);
}
