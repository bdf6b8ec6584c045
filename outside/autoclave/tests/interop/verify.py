"""Checks what a diagnosis left behind with other people's libraries: PyJWT for tokens and
receipts, cryptography for keys, and a Merkle tree written from RFC 9162 alone.

    python3 verify.py FOLDER      (a folder that `autoclave demo --check --dir` filled)

It shares no code with Autoclave; WIRE.md is all that it was written from. Any
assertion that fails ends it with a status other than 0.
"""

import base64
import hashlib
import json
import sys
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def unb64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def jcs(value):
    """RFC 8785 for what stands here: texts, booleans, numbers of ordinary size."""
    return json.dumps(whole(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def whole(value):
    """The same with 1.0 as 1."""
    if isinstance(value, dict):
        return {name: whole(member) for name, member in value.items()}
    if isinstance(value, list):
        return [whole(member) for member in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def jws(text, jwk, typ, **options):
    assert jwt.get_unverified_header(text)["typ"] == typ, typ
    key = jwt.PyJWK(jwk, algorithm="ES256")
    options.setdefault("options", {"verify_aud": False, "verify_exp": False})
    return jwt.decode(text, key, algorithms=["ES256"], **options)


def thumbprint(jwk):
    members = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    return base64.urlsafe_b64encode(hashlib.sha256(jcs(members)).digest()).rstrip(b"=").decode()


def check_attestor(transcript, trust):
    evidence = jws(transcript["evidence"]["body"], trust["roots"][0]["jwk"], "autoclave-software-evidence+jwt")
    report = hashlib.sha256(jcs(transcript["runtime"])).digest() + bytes(32)
    assert unb64url(evidence["report_data"]) == report, "report data"
    assert transcript["runtime"]["jwks"] == sha256(jcs(transcript["jwks"])), "key set"
    manifest = jws(transcript["manifest"], trust["release_keys"][0], "autoclave-release+jwt")
    measured = {name: evidence[name] for name in ("executable", "configuration", "libraries")}
    releases = {r["measurement"]: r["name"] for r in manifest["workloads"]}
    assert releases[sha256(jcs(measured))] == "attestor", "the attestor's measurement"
    return transcript["jwks"], releases


def check_token(token, jwks, releases, trust):
    kid = jwt.get_unverified_header(token)["kid"]
    key = next(k for k in jwks["keys"] if k["kid"] == kid)
    claims = jwt.decode(
        token, jwt.PyJWK(key, algorithm="ES256"), algorithms=["ES256"],
        audience="autoclave", issuer=trust["issuer"],
        options={"require": ["exp", "iat", "nbf", "jti", "aud", "iss", "sub"]},
    )
    assert claims["submods"]["cpu0"]["ear.status"] == "affirming"
    assert claims["dbgstat"] == "disabled" and claims["hw_backed"] is False
    assert releases[claims["measurement"]] == claims["sub"] == "diagnosis"
    assert claims["x-ms-runtime"]["nonce"] == claims["eat_nonce"]
    assert claims["cnf"]["jwk"] in claims["x-ms-runtime"]["keys"]
    assert claims["cnf"]["jwk"]["kid"] == thumbprint(claims["cnf"]["jwk"])
    return claims


def leaf_hash(data):
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def root_from_proof(leaf, index, size, hashes):
    """RFC 9162, section 2.1.3.2."""
    node, last, value = index, size - 1, leaf
    for sibling in hashes:
        assert last > 0
        if node % 2 or node == last:
            value = node_hash(sibling, value)
            while not node % 2 and node:
                node, last = node >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        node, last = node >> 1, last >> 1
    assert last == 0
    return value


def root_of(leaves):
    """RFC 9162, section 2.1.1."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else hashlib.sha256().digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(root_of(leaves[:split]), root_of(leaves[split:]))


def open_checkpoint(note, origin, public):
    """A signed note (C2SP signed-note, tlog-checkpoint)."""
    text, _, signatures = note.partition("\n\n")
    body = text + "\n"
    name, size, root = body.split("\n")[:3]
    assert name == origin, "origin"
    line = next(s for s in signatures.splitlines() if s.startswith(f"\u2014 {origin} "))
    raw = base64.b64decode(line.split(" ")[2])
    key_id = hashlib.sha256(origin.encode() + b"\n\x01" + public).digest()[:4]
    assert raw[:4] == key_id, "key id"
    Ed25519PublicKey.from_public_bytes(public).verify(raw[4:], body.encode())
    return int(size), base64.b64decode(root)


def check_line(proof, receipt, public):
    size, root = open_checkpoint(proof["checkpoint"], proof["origin"], public)
    assert size == proof["size"] and receipt["line"] == {"origin": proof["origin"], "index": proof["index"]}
    hashes = [base64.b64decode(h) for h in proof["hashes"]]
    leaf = leaf_hash(proof["entry"].encode())
    assert root_from_proof(leaf, proof["index"], size, hashes) == root, "inclusion"
    event = json.loads(proof["entry"])
    assert event["event"] == "result" and event["response"] == receipt["response"]


def entries(log, size):
    """Entry bundles: 256 lines each, every line after its length in two bytes."""
    found = []
    for bundle in range((size + 255) // 256):
        assert bundle < 1000, "a log of a check is small"
        name, rest = f"{bundle:03d}", size - 256 * bundle
        data = (log / "tile/entries" / (name if rest >= 256 else f"{name}.p/{rest}")).read_bytes()
        while data:
            length = int.from_bytes(data[:2], "big")
            found.append(data[2 : 2 + length])
            data = data[2 + length :]
    return found


def check_log(log, origin, public):
    size, root = open_checkpoint((log / "checkpoint").read_text(), origin, public)
    lines = entries(log, size)
    assert len(lines) == size and root_of([leaf_hash(line) for line in lines]) == root
    return [json.loads(line)["event"] for line in lines]


def main():
    if not __debug__:
        sys.exit("its checks are assertions: run it without -O")
    folder = Path(sys.argv[1])
    trust = json.loads((folder / "client/trust.json").read_text())
    saved = json.loads((folder / "check/check_receipt.json").read_text())
    bundle = saved.get("bundle", saved)
    jwks, releases = check_attestor(bundle["attestor"], trust)
    token = check_token(bundle["token"], jwks, releases, trust)
    receipt = jws(bundle["receipt"], token["cnf"]["jwk"], "autoclave-receipt+jwt")
    assert receipt["token"] == sha256(bundle["token"].encode()), "token digest"
    assert receipt["response"] == bundle["response"], "response digest"
    ledger = next(k for k in token["x-ms-runtime"]["keys"] if k["kid"] == "ledger")
    public = unb64url(ledger["x"])
    check_line(bundle["ledger"], receipt, public)
    log = next(folder.glob("diagnosis/**/ledger/checkpoint")).parent
    events = check_log(log, receipt["line"]["origin"], public)
    assert events[0] == "genesis" and events[receipt["line"]["index"]] == "result"
    print(f"attestor, token, receipt and {len(events)} ledger lines hold")


if __name__ == "__main__":
    main()
