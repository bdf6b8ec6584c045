"""A guest of Confidential Containers in Python: the KBS protocol 0.4.0 as guest-components'
`kbs_protocol` speaks it, with the `sample` TEE. It shares no code with Autoclave; JWE is
opened by jwcrypto, and all else is by cryptography and requests.
"""

import base64
import hashlib
import json

import requests
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwcrypto import jwe, jwk

TIMEOUT_S = 30
VERSION = "0.4.0"
HASHES = {"sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jcs(value):
    """RFC 8785 for what occurs here: ASCII texts and objects of them."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class Key:
    """The key that a guest makes for itself, and that its evidence vouches for."""

    def __init__(self, kind="P-256"):
        if kind.startswith("RSA"):
            _, alg, bits = kind.split(":")
            private = rsa.generate_private_key(public_exponent=65537, key_size=int(bits))
        else:
            curve = {"P-256": ec.SECP256R1(), "P-521": ec.SECP521R1()}[kind]
            private, alg = ec.generate_private_key(curve), "ECDH-ES+A256KW"
        self.private = jwk.JWK.from_pyca(private)
        public = json.loads(self.private.export_public())
        names = {"EC": ("kty", "crv", "x", "y"), "RSA": ("kty", "n", "e")}[public["kty"]]
        self.public = {name: public[name] for name in names} | {"alg": alg}

    def open(self, response):
        """Opens a flattened JWE. As a guest does, the header is taken apart and written again
        to get the additional data, so that the order of its members is checked as well."""
        header = json.loads(base64.urlsafe_b64decode(response["protected"] + "=="))
        first = {name: header.pop(name) for name in ("alg", "enc")}
        rest = json.loads(json.dumps(header, sort_keys=True))
        again = b64url(json.dumps(first | rest, separators=(",", ":")).encode())
        assert again == response["protected"], "a guest would not get the same header"
        token = jwe.JWE(algs=[first["alg"], "A256GCM"])
        token.deserialize(json.dumps(response), self.private)
        return token.payload


class Guest:
    """One guest with its session."""

    def __init__(self, address, key=None, tee="sample"):
        self.address, self.tee = address, tee
        self.key = key or Key()
        self.http = requests.Session()
        self.token = None

    def url(self, path):
        return f"{self.address}/kbs/v0/{path}"

    def auth(self, version=VERSION, hashes=("sha256", "sha384", "sha512")):
        extra = {"supported-hash-algorithms": list(hashes)}
        request = {"version": version, "tee": self.tee, "extra-params": extra}
        return self.http.post(self.url("auth"), json=request, timeout=TIMEOUT_S)

    def evidence(self, challenge, key=None):
        chosen = challenge["extra-params"].get("selected-hash-algorithm", "sha384")
        runtime = {"nonce": challenge["nonce"], "tee-pubkey": (key or self.key).public}
        primary = runtime | {"additional-evidence": ""}
        report_data = base64.b64encode(HASHES[chosen](jcs(primary)).digest()).decode()
        return {
            "init-data": None,
            "runtime-data": runtime,
            "tee-evidence": {
                "primary_evidence": {"svn": "1", "report_data": report_data},
                "additional_evidence": "",
            },
        }

    def attest(self, body):
        return self.http.post(self.url("attest"), json=body, timeout=TIMEOUT_S)

    def handshake(self, **auth):
        answer = self.auth(**auth)
        assert answer.status_code == 200, answer.text
        answer = self.attest(self.evidence(answer.json()))
        assert answer.status_code == 200, answer.text
        self.token = answer.json()["token"]
        return self

    def get(self, path, bearer=None):
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        http = requests if bearer else self.http
        return http.get(self.url(f"resource/{path}"), headers=headers, timeout=TIMEOUT_S)

    def resource(self, path, bearer=None):
        answer = self.get(path, bearer)
        assert answer.status_code == 200, answer.text
        return self.key.open(answer.json())
