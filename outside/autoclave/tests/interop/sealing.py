"""Sealed requests: binary HTTP (RFC 9292) in chunked Oblivious HTTP over HPKE (RFC 9180).

HPKE base mode with X25519, HKDF-SHA256 and AES-128-GCM, written on `cryptography` alone from
the RFCs, WIRE.md and protocol/seal/vectors.

    python3 sealing.py VECTORS_FOLDER      (compares all of it with the vectors)
"""

import hashlib
import hmac
import json
import os
import sys
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEM, KDF, AEAD = 0x0020, 0x0001, 0x0001
KEM_SUITE = b"KEM" + KEM.to_bytes(2, "big")
SUITE = b"HPKE" + b"".join(n.to_bytes(2, "big") for n in (KEM, KDF, AEAD))
KEY_BYTES, NONCE_BYTES, TAG_BYTES = 16, 12, 16
HEADER_BYTES, ENC_BYTES = 7, 32
CHUNK_BYTES_MAX = 16_384  # of plaintext
REQUEST, RESPONSE = b"message/bhttp chunked request", b"message/bhttp chunked response"
CONNECTION_FIELDS = {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}


class Refused(Exception):
    """A message that must not be taken; the text is the documented code."""


def need(holds, code):
    if not holds:
        raise Refused(code)


# HKDF and HPKE: RFC 5869; RFC 9180, sections 4, 4.1 and 5.1


def extract(salt, secret):
    return hmac.digest(salt or bytes(32), secret, "sha256")


def expand(key, info, length):
    """One block: no length here is above that of a digest."""
    assert length <= 32
    return hmac.digest(key, info + b"\1", "sha256")[:length]


def labeled_extract(suite, salt, label, secret):
    return extract(salt, b"HPKE-v1" + suite + label + secret)


def labeled_expand(suite, key, label, info, length):
    return expand(key, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, length)


def derive_key_pair(ikm):
    key = labeled_extract(KEM_SUITE, b"", b"dkp_prk", ikm)
    return X25519PrivateKey.from_private_bytes(labeled_expand(KEM_SUITE, key, b"sk", b"", 32))


def shared_secret(dh, enc, recipient):
    key = labeled_extract(KEM_SUITE, b"", b"eae_prk", dh)
    return labeled_expand(KEM_SUITE, key, b"shared_secret", enc + recipient, 32)


class Context:
    """An HPKE context in base mode: one sequence of messages, and secrets exported from it."""

    def __init__(self, secret, info):
        schedule = b"\0" + labeled_extract(SUITE, b"", b"psk_id_hash", b"")
        schedule += labeled_extract(SUITE, b"", b"info_hash", info)
        key = labeled_extract(SUITE, secret, b"secret", b"")
        self.exporter = labeled_expand(SUITE, key, b"exp", schedule, 32)
        aead_key = labeled_expand(SUITE, key, b"key", schedule, KEY_BYTES)
        self.box = Box(aead_key, labeled_expand(SUITE, key, b"base_nonce", schedule, NONCE_BYTES))

    def export(self, label, length):
        return labeled_expand(SUITE, self.exporter, b"sec", label, length)


class Box:
    """AES-128-GCM with a nonce that is XORed with a counter."""

    def __init__(self, key, base):
        self.key, self.base, self.count = key, base, 0

    def nonce(self):
        number = int.from_bytes(self.base, "big") ^ self.count
        self.count += 1
        return number.to_bytes(NONCE_BYTES, "big")

    def seal(self, plaintext, aad):
        return AESGCM(self.key).encrypt(self.nonce(), plaintext, aad)

    def open(self, ciphertext, aad):
        need(len(ciphertext) >= TAG_BYTES, "seal.truncated")
        try:
            return AESGCM(self.key).decrypt(self.nonce(), ciphertext, aad)
        except InvalidTag:
            raise Refused("seal.broken") from None


def sender(recipient, info, ekm=None):
    """`enc` and the sender's context; `ekm` is randomness of its own unless a vector gives it."""
    ephemeral = derive_key_pair(ekm or os.urandom(32))
    enc = ephemeral.public_key().public_bytes_raw()
    dh = ephemeral.exchange(X25519PublicKey.from_public_bytes(recipient))
    return enc, Context(shared_secret(dh, enc, recipient), info)


def receiver(private, enc, info):
    key = X25519PrivateKey.from_private_bytes(private)
    dh = key.exchange(X25519PublicKey.from_public_bytes(enc))
    return Context(shared_secret(dh, enc, key.public_key().public_bytes_raw()), info)


# QUIC's integers of variable length: RFC 9000, section 16


def varint(number):
    for bits, length in ((6, 1), (14, 2), (30, 4), (62, 8)):
        if number < 1 << bits:
            return (number | (length.bit_length() - 1) << (8 * length - 2)).to_bytes(length, "big")
    raise ValueError("too large")


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def left(self):
        return len(self.data) - self.at

    def take(self, length):
        need(self.left() >= length, "seal.truncated")
        self.at += length
        return self.data[self.at - length : self.at]

    def number(self):
        first = self.take(1)[0]
        rest = self.take((1 << (first >> 6)) - 1)
        return int.from_bytes(bytes([first & 0x3F]) + rest, "big")

    def text(self):
        return self.take(self.number())


# Chunks of Oblivious HTTP: every one after its length, the final one after a zero


def seal_chunks(box, plaintexts):
    *first, last = plaintexts
    sealed = [box.seal(text, b"") for text in first]
    framed = b"".join(varint(len(chunk)) + chunk for chunk in sealed)
    return framed + b"\0" + box.seal(last, b"final")


def open_chunks(box, reader, first_code="seal.broken"):
    found, final = [], False
    while not final:
        length = reader.number()
        final = length == 0
        need(length <= CHUNK_BYTES_MAX + TAG_BYTES, "seal.chunk_too_large")
        sealed = reader.take(reader.left() if final else length)
        try:
            found.append(box.open(sealed, b"final" if final else b""))
        except Refused:
            raise Refused("seal.broken" if found else first_code) from None
    return b"".join(found)


def cut(text):
    return [text[at : at + CHUNK_BYTES_MAX] for at in range(0, len(text), CHUNK_BYTES_MAX)]


def header(key_id):
    return bytes([key_id]) + b"".join(n.to_bytes(2, "big") for n in (KEM, KDF, AEAD))


class SealedRequest:
    """A request sealed to a key; opens the answer to it."""

    def __init__(self, key_id, recipient, plaintexts, ekm=None):
        head = header(key_id)
        self.enc, self.context = sender(recipient, REQUEST + b"\0" + head, ekm)
        self.bytes = head + self.enc + seal_chunks(self.context.box, plaintexts)

    def key(self):
        """The name by which it is remembered."""
        return "sha256:" + hashlib.sha256(self.bytes[: HEADER_BYTES + ENC_BYTES]).hexdigest()

    def open(self, answer):
        reader = Reader(answer)
        nonce = reader.take(max(KEY_BYTES, NONCE_BYTES))
        return open_chunks(answer_box(self.context, self.enc, nonce), reader)


def answer_box(context, enc, nonce):
    secret = extract(enc + nonce, context.export(RESPONSE, max(KEY_BYTES, NONCE_BYTES)))
    return Box(expand(secret, b"key", KEY_BYTES), expand(secret, b"nonce", NONCE_BYTES))


def open_request(private, key_id, sealed):
    reader = Reader(sealed)
    head, enc = reader.take(HEADER_BYTES), reader.take(ENC_BYTES)
    need(head[0] == key_id, "seal.key_unknown")
    need(head == header(key_id), "seal.suite")
    context = receiver(private, enc, REQUEST + b"\0" + head)
    return open_chunks(context.box, reader, "seal.key_unknown"), context, enc


# Binary HTTP with indeterminate lengths: RFC 9292, section 3.2


def pack(text):
    return varint(len(text)) + text


def write_fields(fields):
    pairs = (pack(name.encode()) + pack(value.encode()) for name, value in fields)
    return b"".join(pairs) + b"\0"


def write_request(method, path, fields, body):
    line = (method, "https", "", path)
    content = pack(body) if body else b""
    parts = b"".join(pack(part.encode()) for part in line)
    return varint(2) + parts + write_fields(fields) + content + b"\0" + b"\0"


def read_fields(reader):
    fields = []
    while length := reader.number():
        name, value = reader.take(length).decode(), reader.text().decode()
        need(name == name.lower() and name not in CONNECTION_FIELDS, "seal.malformed")
        fields.append((name, value))
    return fields


def read_message(reader):
    fields, body = read_fields(reader), b""
    while length := reader.number():
        body += reader.take(length)
    need(not read_fields(reader), "seal.malformed")
    need(not any(reader.data[reader.at :]), "seal.malformed")
    return fields, body


def read_request(text):
    reader = Reader(text)
    need(reader.number() == 2, "seal.malformed")
    method, _scheme, _authority, path = (reader.text().decode() for _ in range(4))
    return method, path, *read_message(reader)


def read_response(text):
    reader = Reader(text)
    need(reader.number() == 3, "seal.malformed")
    status = reader.number()
    need(200 <= status < 600, "seal.malformed")
    return status, *read_message(reader)


# The vectors


def check_hpke(vector):
    ours = {name: bytes.fromhex(vector[name]) for name in ("info", "ikmE", "pkRm", "skRm", "enc")}
    enc, context = sender(ours["pkRm"], ours["info"], ours["ikmE"])
    assert enc == ours["enc"]
    for one in vector["encryptions"]:
        context.box.count = one["sequence"]
        sealed = context.box.seal(bytes.fromhex(one["pt"]), bytes.fromhex(one["aad"]))
        assert sealed.hex() == one["ct"]
    for one in vector["exports"]:
        value = context.export(bytes.fromhex(one["exporter_context"]), one["L"])
        assert value.hex() == one["exported_value"]


def check_wrap(vector):
    """A wrapped key: one message, in a context of its own."""
    wrap = {name: bytes.fromhex(text) for name, text in vector["wrap"].items()}
    public = bytes.fromhex(vector["recipient"]["public_key"])
    enc, context = sender(public, wrap["info"], wrap["ekm"])
    assert enc == wrap["enc"] and context.box.seal(wrap["secret"], wrap["aad"]) == wrap["ct"]


def check_request(vector):
    recipient, request, opened = vector["recipient"], vector["request"], vector["request"]["opened"]
    chunks = [bytes.fromhex(chunk["plaintext"]) for chunk in request["chunks"]]
    public, ekm = bytes.fromhex(recipient["public_key"]), bytes.fromhex(request["ekm"])
    ours = SealedRequest(vector["key_id"], public, chunks, ekm)
    assert ours.bytes.hex() == request["encapsulated"] and ours.key() == request["key"]
    private = bytes.fromhex(recipient["private_key"])
    text, _, _ = open_request(private, vector["key_id"], ours.bytes)
    assert text.hex() == request["bhttp"]
    method, path, fields, body = read_request(text)
    assert [method, path, body.hex()] == [opened[name] for name in ("method", "path", "body")]
    assert [list(pair) for pair in fields] == opened["headers"]
    return ours


def check_response(ours, vector):
    text = ours.open(bytes.fromhex(vector["encapsulated"]))
    assert text.hex() == vector["bhttp"]
    box = answer_box(ours.context, ours.enc, bytes.fromhex(vector["nonce"]))
    assert box.key.hex() == vector["aead_key"] and box.base.hex() == vector["aead_nonce"]
    status, fields, body = read_response(text)
    opened = vector["opened"]
    assert status == opened["status"] and body.hex() == opened["body"]
    assert [list(pair) for pair in fields] == opened["headers"]


def refusal(action, sealed):
    try:
        action(bytes.fromhex(sealed))
    except Refused as refused:
        return str(refused)
    return None


def check_refusals(ours, vector):
    private = bytes.fromhex(vector["recipient"]["private_key"])
    actions = {
        "requests": lambda sealed: read_request(open_request(private, vector["key_id"], sealed)[0]),
        "responses": lambda sealed: read_response(ours.open(sealed)),
    }
    for kind, cases in vector["must_fail"].items():
        for case in cases:
            found = refusal(actions[kind], case["encapsulated"])
            assert found == case["code"], f"{kind}: {case['why']}: {found}"


def check_vectors(folder):
    """Produces and opens everything in the vectors of our suite; answers how many refusals held."""
    check_hpke(json.loads((folder / "rfc9180-a1.json").read_text()))
    vector = json.loads((folder / "x25519.json").read_text())
    check_wrap(vector)
    ours = check_request(vector)
    check_response(ours, vector["response"])
    check_refusals(ours, vector)
    return sum(len(cases) for cases in vector["must_fail"].values())


if __name__ == "__main__":
    print(f"the vectors hold, {check_vectors(Path(sys.argv[1]))} refusals among them")
