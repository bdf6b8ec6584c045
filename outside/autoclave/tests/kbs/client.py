"""Guests and administrators of the KBS protocol against a running demo, and what must be
refused.

    python3 client.py DEMO_FOLDER       (the demo in DEMO_FOLDER runs)

Prints one line of JSON; whatever does not hold ends it with a status other than 0.
"""

import base64
import json
import sys
import time
from pathlib import Path

import jwt
import requests
from cryptography.hazmat.primitives import serialization

from guest import Guest, Key, TIMEOUT_S, b64url

ERRORS = "https://github.com/confidential-containers/kbs/errors/"
SECRET = b"a resource of the hospital's"


class Administrator:
    """Whoever sets an institution's resources, by a token that they sign themselves."""

    def __init__(self, address, path):
        self.address = address
        self.key = serialization.load_pem_private_key(path.read_bytes(), None)

    def token(self, seconds=600, audience="autoclave-kbs-admin"):
        numbers = self.key.public_key().public_numbers()
        public = {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig",
                  "x": b64url(numbers.x.to_bytes(32)), "y": b64url(numbers.y.to_bytes(32))}
        now = int(time.time())
        claims = {"aud": audience, "iat": now, "exp": now + seconds}
        return jwt.encode(claims, self.key, algorithm="ES256", headers={"jwk": public})

    def ask(self, method, path, token=None, **more):
        headers = {"Authorization": f"Bearer {token or self.token()}"}
        url = f"{self.address}/kbs/v0/{path}"
        return requests.request(method, url, headers=headers, timeout=TIMEOUT_S, **more)

    def set(self, path, content):
        answer = self.ask("POST", f"resource/{path}", data=content)
        assert answer.status_code == 200, answer.text
        return answer.json()["version"]


def refused(answer, variant, code, status=401):
    """An error as guests read it: two members, and ours beside them."""
    body = answer.json()
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    assert body["type"] == ERRORS + variant and body["detail"], body
    assert body["code"] == code, body


def flow(address, hospital):
    """Every kind of key, by session and by token."""
    version = hospital.set("default/key/1", SECRET)
    kinds = ["P-256", "P-521", "RSA:RSA-OAEP-256:2048", "RSA:RSA-OAEP-256:3072",
             "RSA:RSA-OAEP-256:4096"]
    for kind in kinds:
        guest = Guest(address, Key(kind)).handshake()
        assert guest.resource("default/key/1") == SECRET, kind
        assert guest.resource("default/key/1", bearer=guest.token) == SECRET, kind
    for name in ("sha256", "sha384", "sha512"):
        Guest(address).handshake(hashes=[name])
    return version, kinds


def versions(address, hospital):
    guest = Guest(address).handshake()
    first = hospital.set("hospital/config/a.b", b"one")
    second = hospital.set("hospital/config/a.b", b"two")
    assert second == first + 1
    assert guest.resource("hospital/config/a.b") == b"two"
    assert guest.resource(f"hospital/config/a.b?version={first}") == b"one"
    assert hospital.ask("DELETE", "resource/hospital/config/a.b").status_code == 200
    refused(guest.get("hospital/config/a.b"), "PolicyDeny", "kbs.refused")
    assert hospital.set("hospital/config/a.b", b"three") == second + 1


def sessions(address):
    """What a session must withstand."""
    guest, other = Guest(address), Key()
    answer = guest.auth()
    cookie = answer.headers["set-cookie"]
    for attribute in ("HttpOnly", "SameSite=Strict", "Path=/kbs/v0"):
        assert attribute in cookie, cookie
    challenge = answer.json()
    assert len(base64.b64decode(challenge["nonce"])) == 32
    first = guest.http.cookies.get("kbs-session-id")
    body = guest.evidence(challenge)
    assert guest.attest(body).status_code == 200
    refused(guest.attest(body), "AttestationError", "kbs.no_session")
    replay = Guest(address)
    replay.http.cookies.set("kbs-session-id", first)
    refused(replay.attest(body), "AttestationError", "kbs.nonce_used")
    refused(replay.attest(guest.evidence(challenge, other)), "AttestationError", "kbs.nonce_used")


def evidence(address):
    """What evidence must withstand."""
    def attempt(change, code, variant="AttestationError"):
        guest = Guest(address)
        body = guest.evidence(guest.auth().json())
        change(body)
        refused(guest.attest(body), variant, code)
        refused(guest.get("default/key/1"), "TokenNotFound", "kbs.no_token")

    def key(body):
        body["runtime-data"]["tee-pubkey"] = Key().public

    def report(body):
        body["tee-evidence"]["primary_evidence"]["report_data"] = base64.b64encode(b"0" * 48).decode()

    def nonce(body):
        body["runtime-data"]["nonce"] = base64.b64encode(b"0" * 32).decode()

    def devices(body):
        body["tee-evidence"]["additional_evidence"] = json.dumps({"nvidia": {}})

    def rsa_1_5(body):
        body["runtime-data"]["tee-pubkey"] = Key("RSA:RSA1_5:2048").public

    attempt(key, "kbs.evidence")
    attempt(report, "kbs.evidence")
    attempt(nonce, "kbs.nonce")
    attempt(devices, "kbs.evidence")
    attempt(rsa_1_5, "kbs.key")
    attempt(lambda body: body.pop("tee-evidence"), "kbs.malformed", "SerdeError")
    refused(Guest(address).auth(version="0.1.1"), "AttestationError", "kbs.version")
    refused(Guest(address, tee="se").auth(), "AttestationError", "kbs.tee")


def tokens(address):
    guest, other = Guest(address).handshake(), Guest(address).handshake()
    claims = jwt.decode(guest.token, options={"verify_signature": False})
    header = jwt.get_unverified_header(guest.token)
    assert header["alg"] == "ES256" and header["jwk"]["crv"] == "P-256" and header["kid"]
    assert claims["eat_profile"] == "tag:github.com,2024:confidential-containers/Trustee"
    cpu = claims["submods"]["cpu0"]["ear.veraison.annotated-evidence"]
    assert cpu["runtime_data_claims"]["tee-pubkey"] == guest.key.public
    assert claims["hw_backed"] is False, "a sample is nobody's hardware"
    # A stolen token gets what only its owner can read.
    stolen = other.get("default/key/1", bearer=guest.token)
    assert guest.key.open(stolen.json()) == SECRET
    try:
        other.key.open(stolen.json())
        raise AssertionError("opened by another key")
    except Exception as error:
        assert "opened by another" not in str(error)
    head, payload, signature = guest.token.split(".")
    changed = b64url(json.dumps(claims | {"hw_backed": True}).encode())
    forged = f"{head}.{changed}.{signature}"
    refused(guest.get("default/key/1", bearer=forged), "TokenVerifierError", "kbs.token")


def institutions(address, hospital, provider):
    """Nobody reaches over to another's."""
    assert provider.set("provider/key/1", b"a provider's") == 1
    answer = provider.ask("POST", "resource/default/key/1", data=b"x")
    refused(answer, "PluginInternalError", "kbs.unknown")
    refused(hospital.ask("DELETE", "resource/provider/key/1"), "PluginInternalError", "kbs.unknown")
    guest = Guest(address).handshake()
    # The provider's rules want affirmed code; those of the demo's hospital take a sample.
    refused(guest.get("provider/key/1"), "PolicyDeny", "kbs.refused")
    refused(guest.get("default/key/none"), "PolicyDeny", "kbs.refused")
    refused(guest.get("nowhere/key/1"), "PolicyDeny", "kbs.refused")
    assert guest.resource("default/key/1") == SECRET


def administration(hospital):
    post = lambda token: hospital.ask("POST", "resource/default/key/1", token=token, data=b"x")
    for token in ("x", hospital.token(audience="kbs"), hospital.token(seconds=7200),
                  hospital.token(seconds=-5)):
        refused(post(token), "AdminAuthAccess", "kbs.administrator")
    policy = lambda text: {"policy": b64url(text.encode())}
    rego = policy("package policy\ndefault allow = true")
    refused(hospital.ask("POST", "resource-policy", json=rego), "ParsePolicyError", "kbs.rego")
    rules = hospital.ask("GET", "resource-policy")
    assert rules.status_code == 200 and "permit" in rules.text


def main(folder):
    folder = Path(folder)
    address = json.loads((folder / "client/client.json").read_text())["address"]
    hospital = Administrator(address, folder / "administrator/administrator.key")
    provider = Administrator(address, folder / "provider/provider.key")
    version, kinds = flow(address, hospital)
    versions(address, hospital)
    sessions(address)
    evidence(address)
    tokens(address)
    institutions(address, hospital, provider)
    administration(hospital)
    print(json.dumps({"kbs": "0.4.0", "version": version, "keys": kinds}))


if __name__ == "__main__":
    main(sys.argv[1])
