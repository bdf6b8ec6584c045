// The proof that one line is in an enclave's log: RFC 6962's tree, C2SP signed notes and
// checkpoints. It belongs to receipts and is checked offline.
// It trusts nothing but the log's key, which the reader brings.

import { bigEndian, equal, fromBase64, sha256, text, utf8, type Bytes } from "./bytes.js";
import { canonical } from "./jcs.js";
import { Members } from "./members.js";
import { need, refuse } from "./refused.js";

const NOTE_CHARS_MAX = 128 * 1024;
const SIGNATURES_MAX = 32;
const NAME_BYTES_MAX = 255;
const ENTRY_BYTES_MAX = 65_535;
/** Marks Ed25519 in key ids (signed-note, "Signature types"). */
const ED25519 = 1;
const KEY_ID_BYTES = 4;
const HASH_BYTES = 32;
const HASHES_MAX = 64;
const VERSION = 1;
const MALFORMED = "ledger.checkpoint_malformed";
// No space, no plus, no control character.
const NAME = /^[^\s+\p{Cc}]+$/u;
const NUMBER = /^(0|[1-9][0-9]*)$/;

/** A line with its proof, as JSON has it. */
export interface LedgerProof {
  readonly origin: string;
  readonly index: number;
  readonly size: number;
  readonly entry: string;
  readonly hashes: readonly Bytes[];
  readonly checkpoint: string;
}

/** Reads a proof. */
export function parseProof(value: unknown): LedgerProof {
  const code = "receipt.proof_malformed";
  const wire = new Members(value, code).only("origin", "index", "size", "entry", "hashes", "checkpoint");
  const hashes = wire.texts("hashes").map(fromBase64);
  need(hashes.length <= HASHES_MAX && hashes.every((hash) => hash?.length === HASH_BYTES), code);
  return {
    origin: wire.text("origin"),
    index: wire.integer("index"),
    size: wire.integer("size"),
    entry: wire.text("entry"),
    hashes: hashes.filter((hash) => hash !== undefined),
    checkpoint: wire.text("checkpoint"),
  };
}

/** Verifies that the log of `key` signed a tree with this line at this index; reads the line. */
export async function verifyProof(proof: LedgerProof, origin: string, key: Bytes): Promise<Members> {
  need(isName(origin), "ledger.key_name");
  const checkpoint = await openCheckpoint(proof.checkpoint, origin, key);
  need(checkpoint.size === proof.size && origin === proof.origin, "ledger.proof_mismatch");
  const root = await climb(proof);
  need(equal(root, checkpoint.root), "ledger.proof_root");
  return readEntry(proof.entry);
}

/** From leaf to root: RFC 9162, section 2.1.3.2. */
async function climb(proof: LedgerProof): Promise<Bytes> {
  need(proof.index < proof.size, "ledger.proof_range");
  let hash = await sha256(new Uint8Array([0]), utf8(proof.entry));
  let [node, last] = [BigInt(proof.index), BigInt(proof.size - 1)];
  for (const sibling of proof.hashes) {
    need(last > 0n, "ledger.proof_length");
    if (node % 2n === 1n || node === last) {
      hash = await sha256(new Uint8Array([1]), sibling, hash);
      while (node % 2n === 0n && node !== 0n) [node, last] = [node >> 1n, last >> 1n];
    } else {
      hash = await sha256(new Uint8Array([1]), hash, sibling);
    }
    [node, last] = [node >> 1n, last >> 1n];
  }
  need(last === 0n, "ledger.proof_length");
  return hash;
}

/** Verifies that the key signed the note, then reads the checkpoint in it. */
async function openCheckpoint(
  note: string,
  origin: string,
  key: Bytes,
): Promise<{ size: number; root: Bytes }> {
  const signed = await openNote(note, origin, key);
  const lines = signed.slice(0, -1).split("\n");
  const [name, size, root] = lines;
  need(name !== undefined && size !== undefined && lines.every((line) => line !== ""), MALFORMED);
  need(name === origin, "ledger.checkpoint_origin");
  const hash = fromBase64(root ?? "");
  need(NUMBER.test(size) && Number.isSafeInteger(Number(size)) && hash?.length === HASH_BYTES, MALFORMED);
  return { size: Number(size), root: hash };
}

/** The text of a note that the key signed. */
async function openNote(note: string, origin: string, key: Bytes): Promise<string> {
  const border = note.lastIndexOf("\n\n");
  const signatures = note.slice(border + 2);
  const lines = signatures.slice(0, -1).split("\n");
  const plain = Array.from(note).every((char) => char === "\n" || char >= " ");
  const whole = border >= 0 && signatures.endsWith("\n") && lines.length <= SIGNATURES_MAX;
  need(plain && whole && note.length <= NOTE_CHARS_MAX, MALFORMED);
  const signed = note.slice(0, border + 1);
  const id = (await sha256(utf8(`${origin}\n`), bigEndian(ED25519, 1), key)).subarray(0, KEY_ID_BYTES);
  const ours = lines.map(signatureLine).filter((line) => line.name === origin && equal(line.id, id));
  need(ours.length > 0, "ledger.checkpoint_signature");
  for (const line of ours) await checkSignature(key, line.signature, utf8(signed));
  return signed;
}

function signatureLine(line: string): { name: string; id: Bytes; signature: Bytes } {
  const [dash, name, blob, more] = line.split(" ");
  const bytes = fromBase64(blob ?? "");
  const good = dash === "\u2014" && name !== undefined && isName(name) && more === undefined;
  need(good && bytes !== undefined && bytes.length > KEY_ID_BYTES, MALFORMED);
  return { name, id: bytes.slice(0, KEY_ID_BYTES), signature: bytes.slice(KEY_ID_BYTES) };
}

async function checkSignature(key: Bytes, signature: Bytes, signed: Bytes): Promise<void> {
  let good = false;
  try {
    const imported = await crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
    good = await crypto.subtle.verify("Ed25519", imported, signature, signed);
  } catch {
    // A machine that cannot check Ed25519 has not checked it.
    refuse("ledger.checkpoint_signature");
  }
  need(good, "ledger.checkpoint_signature");
}

function isName(name: string): boolean {
  return NAME.test(name) && utf8(name).length <= NAME_BYTES_MAX;
}

/** A line is canonical JSON; every other spelling is refused. */
function readEntry(entry: string): Members {
  const code = "ledger.entry_malformed";
  need(utf8(entry).length <= ENTRY_BYTES_MAX, "ledger.entry_too_large");
  const line = Members.parse(entry, code);
  need(line.integer("v") === VERSION, "ledger.entry_version");
  line.integer("time");
  line.text("event");
  need(canonical(line.value) === text(utf8(entry)), "ledger.entry_not_canonical");
  return line;
}
