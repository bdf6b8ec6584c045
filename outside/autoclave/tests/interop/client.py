"""A client that shares no code with Autoclave: verifies, seals, signs in, has a scan diagnosed,
checks the receipt, and tries what must be refused.

    python3 client.py DEMO_FOLDER IMAGE OUT_FOLDER      (the demo in DEMO_FOLDER runs)

WIRE.md and the vectors are all that it needs to know; its libraries are PyJWT and
cryptography. It first compares its sealing with the vectors. It prints one line of JSON;
whatever does not hold ends it with a status other than 0.
"""

import base64
import email.utils
import hashlib
import hmac
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

import sealing
from sealing import Refused, need
from verify import check_line, jcs, jws, sha256, thumbprint, unb64url

VECTORS = Path(__file__).resolve().parents[4] / "protocol/seal/vectors"
PASSPORT = "autoclave"  # the audience of tokens that enclaves show each other
PROFILE = "tag:autoclave.health,2026:ear"
POLICY = (
    "autoclave appraisal policy 1: affirming if and only if the measurement is on the release "
    "manifest for this kind of TEE, the security version is at least the manifest's, and debug "
    "is off; everything else is contraindicated."
)
JWS_BYTES_MAX = 64 * 1024
EVIDENCE_AGE_MAX_S = 300
SKEW_S = 30
TIMEOUT_S = 120
TEN_MINUTES_S = 600
LOST_ANSWERS_MAX = 5
MEDIA = {
    ".png": "image/png", ".webp": "image/webp", ".tif": "image/tiff",
    ".tiff": "image/tiff", ".dcm": "application/dicom",
}
TREAT = ("purpose-of-use", "TREAT")


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Edge:
    """The front door: plain HTTP to a party, of which nothing is believed."""

    def __init__(self, address):
        self.address = address

    def call(self, method, party, path, body=None, media="application/json"):
        url = f"{self.address}/parties/{party}{path}"
        request = urllib.request.Request(url, data=body, method=method, headers={"content-type": media})
        try:
            answer = urllib.request.urlopen(request, timeout=TIMEOUT_S)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return answer.status, answer.headers.get("content-type", ""), answer.read()

    def get(self, party, path):
        status, _, body = self.call("GET", party, path)
        need(status == 200, f"{party}{path}: {status}")
        return body

    def post(self, party, path, value=None):
        body = b"" if value is None else json.dumps(value).encode()
        status, _, answer = self.call("POST", party, path, body)
        need(status == 200, f"{party}{path}: {status} {answer[:200]}")
        return json.loads(answer)


def known(text, keys):
    """The one of `keys` that a JWS names."""
    kid = jwt.get_unverified_header(text)["kid"]
    found = [key for key in keys if thumbprint(key) == kid]
    need(len(found) == 1, "a key that is not trusted")
    return found[0]


class Attestor:
    """An attestor that is believed, by its own evidence (section 2). `shown` is what it
    answered: evidence, runtime, jwks, manifest, and when."""

    def __init__(self, trust, shown):
        self.trust, self.shown, self.at = trust, shown, shown["verified_at"]
        self.issuer, self.keys = trust["issuer"], shown["jwks"]["keys"]
        self.take_manifest(shown["manifest"])
        self.appraise(shown["evidence"], shown["runtime"])
        need(shown["runtime"]["jwks"] == sha256(jcs(shown["jwks"])), "attestor: key set")

    def take_manifest(self, text):
        manifest = jws(text, known(text, self.trust["release_keys"]), "autoclave-release+jwt")
        need(manifest["iat"] <= self.at + SKEW_S and self.at < manifest["exp"], "manifest: times")
        need(manifest["serial"] >= self.trust.get("manifest_serial_min", 0), "manifest: serial")
        self.releases = {release["measurement"]: release for release in manifest["workloads"]}
        need(len(self.releases) == len(manifest["workloads"]), "manifest: measurements")
        payload = hashlib.sha256(unb64url(text.split(".")[1])).digest()
        parts = (POLICY.encode(), payload)
        counted = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        self.policy = b64url(hashlib.sha256(counted).digest())

    def appraise(self, evidence, runtime):
        need(evidence["kind"] == "software", "evidence: kind")
        roots = [root["jwk"] for root in self.trust["roots"] if root["kind"] == "software"]
        claims = jws(evidence["body"], known(evidence["body"], roots), "autoclave-software-evidence+jwt")
        report = hashlib.sha256(jcs(runtime)).digest() + bytes(32)
        need(unb64url(claims["report_data"]) == report, "evidence: report data")
        need(-SKEW_S <= self.at - claims["iat"] <= EVIDENCE_AGE_MAX_S, "evidence: time")
        need(claims["debug"] is False, "evidence: debug")
        self.release(measurement(claims), "attestor", evidence["kind"], claims["svn"])

    def release(self, measured, workload, kind, svn):
        release = self.releases.get(measured)
        need(release and release["name"] == workload and kind in release["kinds"], "measurement")
        need(svn >= release["svn"], "security version")


def measurement(claims):
    return sha256(jcs({name: claims[name] for name in ("configuration", "executable", "libraries")}))


def fresh_evidence(edge, party, nonce):
    answer = edge.post(party, "/.well-known/autoclave/evidence", {"nonce": nonce})
    need(answer["runtime"]["nonce"] == nonce, "evidence: nonce")
    return answer


def verify_attestor(edge, trust):
    shown = fresh_evidence(edge, "attestor", b64url(os.urandom(32)))
    shown |= {"jwks": json.loads(edge.get("attestor", "/.well-known/jwks.json"))}
    shown |= {"manifest": edge.get("attestor", "/attest/manifest").decode()}
    return Attestor(trust, shown | {"verified_at": int(time.time())})


def token_claims(text, attestor, audience, at):
    """Form, algorithm, key, signature, issuer, audience and times, as section 3 lists them."""
    need(len(text) <= JWS_BYTES_MAX and text.count(".") == 2, "token: form")
    header = jwt.get_unverified_header(text)
    need(header["alg"] == "ES256" and header["typ"] == "JWT", "token: algorithm")
    claims = jws(text, known(text, attestor.keys), "JWT")
    need(claims["iss"] == attestor.issuer, "token: issuer")
    need(claims["aud"] == audience, "token: audience")
    need(max(claims["iat"], claims["nbf"]) <= at + SKEW_S and at < claims["exp"], "token: times")
    return claims


def verify_token(text, attestor, workload, audience, at, shown=None):
    """All of section 3. `shown` is the runtime object that the peer showed over our nonce;
    without it, the token is one that its holder asked for."""
    claims = token_claims(text, attestor, audience, at)
    unit, runtime = claims["submods"]["cpu0"], claims["x-ms-runtime"]
    kind = claims["x-ms-attestation-type"]
    evidence = unit["ear.veraison.annotated-evidence"][kind]
    signing = [key for key in runtime["keys"] if key["use"] == "sig" and key["kty"] == "EC"]
    need(claims["eat_profile"] == PROFILE, "token: profile")
    need(claims["eat_nonce"] == runtime["nonce"], "token: nonce")
    need(signing == [claims["cnf"]["jwk"]] and signing[0]["kid"] == thumbprint(signing[0]), "token: keys")
    need(claims["measurement"] == evidence["measurement"] == measurement(evidence), "token: measurement")
    need(claims["hw_backed"] is evidence["hw_backed"] is (kind != "software"), "token: hardware")
    need(claims["dbgstat"] == "disabled" and evidence["debug"] is False, "token: debug")
    need(unit["ear.status"] == "affirming", "token: status")
    need(claims["sub"] == workload, "token: workload")
    attestor.release(claims["measurement"], workload, kind, evidence["svn"])
    need(claims["x-ms-policy-hash"] == attestor.policy, "token: policy")
    need(shown is None or runtime == shown, "token: runtime")
    return claims


def verify_peer(edge, attestor, party):
    """Nonce of the attestor → evidence of the party → token; answers its claims."""
    nonce, audience = edge.post("attestor", "/attest/nonce")["nonce"], f"interop:{uuid.uuid4()}"
    asked = fresh_evidence(edge, party, nonce) | {"audience": audience}
    token = edge.post("attestor", "/attest", asked)["token"]
    return verify_token(token, attestor, party, audience, time.time(), asked["runtime"])


class Clinic:
    """Speaks to a verified clinic, in sealed requests only."""

    def __init__(self, edge, claims):
        keys = claims["x-ms-runtime"]["keys"]
        key = next(key for key in keys if key["use"] == "enc" and key.get("crv") == "X25519")
        self.key_id, self.public = int(key["kid"]), unb64url(key["x"])
        self.edge, self.claims, self.session = edge, claims, None
        self.key = ec.generate_private_key(ec.SECP256R1())

    def jwk(self):
        point = self.key.public_key().public_numbers()
        x, y = (b64url(number.to_bytes(32, "big")) for number in (point.x, point.y))
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y}

    def proof(self, method, path):
        claims = {"htm": method, "htu": path, "iat": int(time.time()), "jti": b64url(os.urandom(16))}
        if self.session:
            claims["ath"] = b64url(hashlib.sha256(self.session.encode()).digest())
        return jwt.encode(claims, self.key, "ES256", headers={"typ": "dpop+jwt", "jwk": self.jwk()})

    def seal(self, method, path, fields=(), body=b"", key_id=None, seconds=0):
        """A sealed request whose date is `seconds` off, to another key id where one is given."""
        date = email.utils.formatdate(time.time() + seconds, usegmt=True)
        fields = [("date", date), ("dpop", self.proof(method, path)), *fields]
        if self.session:
            fields.append(("authorization", f"DPoP {self.session}"))
        text = sealing.write_request(method, path, fields, body)
        return sealing.SealedRequest(key_id or self.key_id, self.public, sealing.cut(text))

    def post(self, sealed):
        """Status, media type and body as they came, before anything is opened."""
        return self.edge.call("POST", "clinic", "/sealed", sealed, "message/ohttp-chunked-req")

    def call(self, *request):
        sealed = self.seal(*request)
        status, media, body = self.post(sealed.bytes)
        need(status == 200 and media == "message/ohttp-chunked-res", f"not sealed: {status} {body[:200]}")
        status, _, body = sealing.read_response(sealed.open(body))
        return status, json.loads(body, parse_float=number)

    def sign_in(self, account):
        """A code counts once, so a second sign-in within its 30 seconds waits for the next."""
        for _ in range(2):
            asked = {"user": account["user"], "password": account["password"], "totp": totp(account["totp"])}
            media = ("content-type", "application/json")
            status, answer = self.call("POST", "/auth/sign-in", [media], json.dumps(asked).encode())
            if status == 200:
                self.session = answer["session"]
                return
            time.sleep(31 - time.time() % 30)
        need(False, f"sign-in: {status} {answer}")

    def patients(self):
        status, answer = self.call("GET", "/patients", [TREAT])
        need(status == 200, f"work list: {status} {answer}")
        return {line["patient"]["id"] for line in answer["patients"]}


def number(text):
    """Canonical JSON writes 1.0 as 1."""
    value = float(text)
    return int(value) if value.is_integer() else value


def totp(secret, now=None):
    """RFC 6238: SHA-1, 30 seconds, six digits."""
    counter = int(now if now is not None else time.time()) // 30
    digest = hmac.digest(base64.b32decode(secret), counter.to_bytes(8, "big"), "sha1")
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at : at + 4], 'big') & 0x7FFFFFFF) % 10**6:06}"


def form(patient, image, media):
    """Media type and body of the form (RFC 7578) that an intake is."""
    boundary = uuid.uuid4().hex
    parts = [("patient", "application/json", json.dumps(patient).encode()), ("image", media, image)]
    body = b"".join(
        f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"\r\ncontent-type: {kind}\r\n\r\n'.encode()
        + content + b"\r\n"
        for name, kind, content in parts
    )
    return f"multipart/form-data; boundary={boundary}", body + f"--{boundary}--\r\n".encode()


def intake(image, media):
    """An intake to be sealed, under an idempotency key of its own."""
    kind, body = form({"family": "Interop", "given": ["Phantom"]}, image, media)
    fields = [("content-type", kind), ("idempotency-key", str(uuid.uuid4())), TREAT]
    return "POST", "/intake", fields, body


def diagnose(clinic, image, media):
    asked = intake(image, media)
    status, ids = clinic.call(*asked)
    need(status == 201, f"intake: {status} {ids}")
    need(clinic.call(*asked)[1] == ids, "a repeated intake answers the same")
    path = f"/imaging-studies/{ids['imaging_study']}/diagnosis"
    status, answer = clinic.call("POST", path, [TREAT])
    need(status == 200, f"diagnosis: {status} {answer}")
    return ids, answer


def verify_answer(answer, image, attestor):
    """Sections 7 and 8: the receipt under the diagnosis enclave's token, its line under its log."""
    if answer.get("attestor"):  # a filed diagnosis may be older than the keys of today
        attestor = Attestor(attestor.trust, answer["attestor"])
        need(answer["jwks"] == answer["attestor"]["jwks"], "receipt: key set")
    at = jwt.decode(answer["receipt"], options={"verify_signature": False})["iat"]
    token = verify_token(answer["token"], attestor, "diagnosis", PASSPORT, at)
    receipt = jws(answer["receipt"], token["cnf"]["jwk"], "autoclave-receipt+jwt")
    need((receipt["iss"], receipt["sub"]) == ("diagnosis", "inference"), "receipt: issuer")
    need(abs(receipt["iat"] - time.time()) <= TIMEOUT_S, "receipt: time")
    need(receipt["request"] == sha256(image), "receipt: request")
    need(receipt["response"] == sha256(jcs(answer["result"])), "receipt: response")
    need(receipt["token"] == sha256(answer["token"].encode()), "receipt: token")
    need(receipt["model"] == answer["result"]["model"], "receipt: model")
    ledger = next(key for key in token["x-ms-runtime"]["keys"] if key["kid"] == "ledger")
    check_line(answer["ledger"], receipt, unb64url(ledger["x"]))
    line = json.loads(answer["ledger"]["entry"])
    need(all(line[name] == receipt[name] for name in ("request", "response", "token")), "line")
    need(line["model"] == receipt["model"]["name"], "line: model")
    need(line["model_digest"] == receipt["model"]["digest"], "line: model's digest")
    return receipt


def flipped(sealed, at):
    return sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]


def cases(clinic, image, media):
    """Name, what may come of it, and a function that makes the sealed request and what is
    posted of it. It is called again where an answer was lost, so each call seals anew."""
    def case(name, wanted, change=lambda posted: posted, **options):
        def make():
            request = clinic.seal(*intake(image, media), **options)
            return request, change(request.bytes)

        return name, wanted, make

    once, early = clinic.seal(*intake(image, media)), sealing.HEADER_BYTES + sealing.ENC_BYTES + 20
    unknown, window = {(False, 422, "seal.key_unknown")}, {(True, 400, "seal.date_window")}
    # Far into a long body it is the route that sees its end missing.
    route = {(True, 400, "intake.truncated")}
    broken, truncated = {(True, 400, "seal.broken")} | route, {(True, 400, "seal.truncated")} | route
    yield "once", {(True, 201, None)}, lambda: (once, once.bytes)
    yield "twice", {(True, 409, "seal.replayed")}, lambda: (once, once.bytes)
    yield case("slow clock", window, seconds=-TEN_MINUTES_S)
    yield case("fast clock", window, seconds=TEN_MINUTES_S)
    yield case("key id", unknown, key_id=clinic.key_id ^ 0x80)
    yield case("a bit early", unknown, lambda posted: flipped(posted, early))
    yield case("a bit late", broken, lambda posted: flipped(posted, len(posted) - 1))
    yield case("cut by one", broken, lambda posted: posted[:-1])
    yield case("cut in half", truncated, lambda posted: posted[: len(posted) // 2])
    yield case("cut at once", {(False, 400, "seal.truncated")}, lambda posted: posted[:early])


def posted(clinic, make):
    """The sealed request and its answer; a connection may break where a refusal comes early."""
    for _ in range(LOST_ANSWERS_MAX):
        sealed, sent = make()
        try:
            answer = clinic.post(sent)
        except OSError:
            continue
        if answer[0] != 502:
            return sealed, answer
    raise Refused("no answer")


def outcome(sealed, answer):
    """Whether the answer was sealed, its status, and the code of a problem."""
    status, media, body = answer
    inside = media == "message/ohttp-chunked-res"
    if inside:
        need(status == 200, "the status of an answer is inside the seal")
        status, _, body = sealing.read_response(sealed.open(body))
    return inside, status, json.loads(body).get("code")


def attack(clinic, image, media):
    """What a thief on the way could try; answers how many refusals were as they must be."""
    before, tried = clinic.patients(), 0
    for name, wanted, make in cases(clinic, image, media):
        found = outcome(*posted(clinic, make))
        need(found in wanted, f"{name}: {found}")
        tried += found[2] is not None
    need(len(clinic.patients() - before) == 1, "other than one intake took effect")
    return tried


def attack_session(clinic):
    """A session is worth nothing without its key; answers how many refusals there were."""
    thief = Clinic(clinic.edge, clinic.claims)
    thief.session = clinic.session
    status, answer = thief.call("GET", "/patients", [TREAT])
    need(status == 401 and answer["code"] == "session.refused", f"stolen: {status} {answer}")
    return 1


def write(out, stem, answer, attestor):
    """The mask, and the receipt as `autoclave receipt verify` takes it."""
    mask = unb64url(answer["result"]["mask"]["data"])
    need(mask.startswith(b"\x89PNG\r\n\x1a\n"), "mask")
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{stem}_mask.png").write_bytes(mask)
    saved = {name: answer[name] for name in ("receipt", "token", "ledger", "result")}
    shown = answer.get("attestor") or attestor.shown
    saved |= {"attestor": shown, "jwks": shown["jwks"], "response": sha256(jcs(answer["result"]))}
    (out / f"{stem}_receipt.json").write_text(json.dumps(saved))


def main():
    demo, image_file, out = (Path(argument) for argument in sys.argv[1:4])
    refusals = sealing.check_vectors(VECTORS)
    settings = json.loads((demo / "client/client.json").read_text())
    accounts = {a["user"]: a for a in json.loads((demo / "client/accounts.json").read_text())}
    image, media = image_file.read_bytes(), MEDIA[image_file.suffix]
    trust = json.loads((demo / "client/trust.json").read_text())
    edge = Edge(settings["address"])
    attestor = verify_attestor(edge, trust)
    clinic = Clinic(edge, verify_peer(edge, attestor, "clinic"))
    clinic.sign_in(accounts[settings["user"]])
    ids, answer = diagnose(clinic, image, media)
    receipt = verify_answer(answer, image, attestor)
    write(out, image_file.stem, answer, attestor)
    refusals += attack(clinic, image, media) + attack_session(clinic)
    summary = {"verified": True, "hw_backed": clinic.claims["hw_backed"], "refusals": refusals}
    print(json.dumps(summary | ids | {"findings": answer["result"]["findings"], "line": receipt["line"]}))


if __name__ == "__main__":
    main()
