"""The client library of Azure Key Vault, unmodified, against the broker of a demo.

    keyvault.py prepare FOLDER        before the demo: an authority whose tokens it takes
    keyvault.py check FOLDER URL      against the demo in FOLDER, whose vault is at URL

It shares no code with the broker: what is released is unwrapped by `cryptography`.
"""

import base64
import json
import os
import ssl
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from urllib.parse import urlparse

from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError
from azure.keyvault.keys import (
    ApiVersion,
    JsonWebKey,
    KeyClient,
    KeyExportEncryptionAlgorithm,
    KeyReleasePolicy,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap_with_padding

ISSUER = "https://authority.example"
LIFE = timedelta(days=30)


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(value):
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def es256(key, header, claims):
    signed = ".".join(b64(json.dumps(part).encode()) for part in (header, claims))
    r, s = utils.decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def read_key(path):
    with open(path, "rb") as file:
        return serialization.load_pem_private_key(file.read(), None)


def prepare(folder):
    """An authority of the test's own: its key, and what the demo is told of it."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with open(f"{folder}/../authority.pem", "wb") as file:
        file.write(pem)
    point = key.public_key().public_numbers()
    jwk = {
        "kty": "EC", "crv": "P-256", "kid": "one",
        "x": b64(point.x.to_bytes(32, "big")), "y": b64(point.y.to_bytes(32, "big")),
    }
    with open(f"{folder}/authority.json", "w") as file:
        json.dump({"issuer": ISSUER, "keys": [jwk]}, file)


class Bearer:
    """What `azure-identity` would be: a token that an administrator signs."""

    def __init__(self, folder, name):
        self.command = [
            os.environ["AUTOCLAVE"], "broker", "--key", f"{folder}/{name}", "--institution", "x",
            "bearer", "--url",
        ]

    def get_token(self, *scopes, **_):
        resource = scopes[0].removesuffix("/.default")
        token = subprocess.run(
            self.command + [resource], check=True, capture_output=True, text=True
        )
        return AccessToken(token.stdout.strip(), int(time.time()) + 3600)


class Machine:
    """Attested code: an RSA key, and the tokens that an authority gives it."""

    def __init__(self, folder):
        self.authority = read_key(f"{folder}/../authority.pem")
        self.key = rsa.generate_private_key(65537, 2048)

    def token(self, **claims):
        public = self.key.public_key().public_numbers()
        jwk = {
            "kty": "RSA", "kid": "enc", "key_ops": ["encrypt"],
            "n": b64(number(public.n)), "e": b64(number(public.e)),
        }
        now = int(time.time())
        claims = {
            "iss": ISSUER, "iat": now, "nbf": now, "exp": now + 600, "jti": b64(os.urandom(12)),
            "x-ms-attestation-type": "sevsnpvm", "x-ms-sevsnpvm-is-debuggable": False,
            "x-ms-runtime": {"keys": [jwk]}, **claims,
        }
        return es256(self.authority, {"alg": "ES256", "typ": "JWT", "kid": "one"}, claims)

    def open(self, released, algorithm, certificate):
        """Verifies the answer's signature, and unwraps the key in it."""
        header, payload, signature = released.value.split(".")
        head = json.loads(unb64(header))
        leaf = x509.load_der_x509_certificate(base64.b64decode(head["x5c"][0]))
        digest = hashes.Hash(hashes.SHA256())
        digest.update(base64.b64decode(head["x5c"][0]))
        assert head["x5t#S256"] == b64(digest.finalize())
        # The key of the answer is the one that the attested TLS door shows.
        spki = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        assert leaf.public_key().public_bytes(*spki) == certificate.public_key().public_bytes(*spki)
        raw = unb64(signature)
        der = utils.encode_dss_signature(
            int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        )
        leaf.public_key().verify(der, f"{header}.{payload}".encode(), ec.ECDSA(hashes.SHA256()))
        answer = json.loads(unb64(payload))
        assert answer["request"]["enc"] == algorithm
        wrapped = json.loads(unb64(answer["response"]["key"]["key"]["key_hsm"]))
        assert wrapped["header"]["kid"] == "enc"
        ciphertext = unb64(wrapped["ciphertext"])
        hash_of = {
            "CKM_RSA_AES_KEY_WRAP": hashes.SHA1,
            "RSA_AES_KEY_WRAP_256": hashes.SHA256,
            "RSA_AES_KEY_WRAP_384": hashes.SHA384,
        }[algorithm]
        oaep = padding.OAEP(padding.MGF1(hash_of()), hash_of(), None)
        size = self.key.key_size // 8
        return aes_key_unwrap_with_padding(self.key.decrypt(ciphertext[:size], oaep), ciphertext[size:])


def policy(*conditions, immutable=False):
    text = {"version": "1.0.0", "anyOf": [{"authority": ISSUER, "allOf": list(conditions)}]}
    return KeyReleasePolicy(json.dumps(text).encode(), immutable=immutable)


SEALED = {"claim": "x-ms-sevsnpvm-is-debuggable", "equals": "false"}


def refused(code, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except HttpResponseError as error:
        inner = error.error.innererror if error.error else None
        assert error.status_code == code, (error.status_code, error, inner)
        return
    raise AssertionError(f"{call} was not refused")


def rsa_jwk(key):
    private = key.private_numbers()
    public = private.public_numbers
    members = {
        "n": public.n, "e": public.e, "d": private.d, "p": private.p, "q": private.q,
        "dp": private.dmp1, "dq": private.dmq1, "qi": private.iqmp,
    }
    return JsonWebKey(kty="RSA-HSM", key_ops=[], **{k: number(v) for k, v in members.items()})


def ec_jwk(key, curve, size):
    private = key.private_numbers()
    public = private.public_numbers
    members = {"d": private.private_value, "x": public.x, "y": public.y}
    members = {k: v.to_bytes(size, "big") for k, v in members.items()}
    return JsonWebKey(kty="EC-HSM", crv=curve, key_ops=[], **members)


def imports_and_releases(client, machine, certificate):
    secret = os.urandom(32)
    own_rsa = rsa.generate_private_key(65537, 3072)
    own_ec = ec.generate_private_key(ec.SECP384R1())
    der = (
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    keys = {
        "data": (JsonWebKey(kty="oct-HSM", key_ops=[], k=secret), lambda it: it == secret),
        "signing": (
            rsa_jwk(own_rsa),
            lambda it: serialization.load_der_private_key(it, None).private_numbers()
            == own_rsa.private_numbers(),
        ),
        "curve": (
            ec_jwk(own_ec, "P-384", 48),
            lambda it: serialization.load_der_private_key(it, None).private_bytes(*der)
            == own_ec.private_bytes(*der),
        ),
    }
    until = datetime.now(timezone.utc) + LIFE
    for name, (jwk, same) in keys.items():
        made = client.import_key(
            name, jwk, hardware_protected=True, exportable=True, release_policy=policy(SEALED),
            expires_on=until,
        )
        assert made.properties.exportable and made.properties.expires_on <= until
        assert made.properties.release_policy.encoded_policy == policy(SEALED).encoded_policy
        assert made.key.d is None and made.key.k is None
        for algorithm in KeyExportEncryptionAlgorithm:
            released = client.release_key(name, machine.token(), algorithm=algorithm)
            assert same(machine.open(released, algorithm.value, certificate)), (name, algorithm)
        by_version = client.release_key(name, machine.token(), version=made.properties.version)
        assert same(machine.open(by_version, "CKM_RSA_AES_KEY_WRAP", certificate))
    refused(403, client.release_key, "data", machine.token(**{"x-ms-sevsnpvm-is-debuggable": True}))
    refused(403, client.release_key, "data", machine.token(iss="https://other.example"))
    refused(403, client.release_key, "data", machine.token(exp=int(time.time()) - 1))
    refused(403, client.release_key, "data", machine.token(), nonce="another")
    fresh = client.release_key("data", machine.token(nonce="fresh"), nonce="fresh")
    assert machine.open(fresh, "CKM_RSA_AES_KEY_WRAP", certificate) == secret
    stranger = Machine.__new__(Machine)
    stranger.authority = ec.generate_private_key(ec.SECP256R1())
    stranger.key = machine.key
    refused(403, client.release_key, "data", stranger.token())


def lives(client, machine, certificate):
    until = datetime.now(timezone.utc) + LIFE
    common = {"exportable": True, "release_policy": policy(SEALED), "expires_on": until}
    first = client.create_oct_key("made", size=256, hardware_protected=True, **common)
    assert first.key_type == "oct-HSM"
    curve = client.create_ec_key("point", curve="P-256", hardware_protected=True, **common)
    assert len(curve.key.x) == 32
    second = client.rotate_key("made")
    assert second.properties.version != first.properties.version
    versions = {it.version for it in client.list_properties_of_key_versions("made")}
    assert versions == {first.properties.version, second.properties.version}
    names = {it.name for it in client.list_properties_of_keys()}
    assert {"made", "point"} <= names
    got = client.get_key("made", first.properties.version)
    assert got.id == first.id
    old, new = (
        machine.open(
            client.release_key("made", machine.token(), version=it.properties.version),
            "CKM_RSA_AES_KEY_WRAP",
            certificate,
        )
        for it in (first, second)
    )
    assert len(old) == len(new) == 32 and old != new
    client.update_key_properties("made", second.properties.version, enabled=False)
    refused(403, client.release_key, "made", machine.token())
    client.update_key_properties("made", second.properties.version, enabled=True)
    client.release_key("made", machine.token())
    client.begin_delete_key("made").result()
    refused(404, client.get_key, "made")
    refused(403, client.release_key, "made", machine.token())
    assert client.get_deleted_key("made").name == "made"
    assert "made" in {it.name for it in client.list_deleted_keys()}
    client.begin_recover_deleted_key("made").result()
    client.release_key("made", machine.token())
    client.begin_delete_key("point").result()
    client.purge_deleted_key("point")
    refused(404, client.get_deleted_key, "point")


def bounds(client, other, machine):
    until = datetime.now(timezone.utc) + LIFE
    oct_key = JsonWebKey(kty="oct-HSM", key_ops=[], k=os.urandom(32))
    sealed = {"exportable": True, "release_policy": policy(SEALED)}
    refused(400, client.import_key, "endless", oct_key, **sealed)
    refused(400, client.import_key, "open", oct_key, exportable=True, expires_on=until)
    bad = KeyReleasePolicy(b'{"version": "0.2.0"}')
    refused(400, client.import_key, "bad", oct_key, exportable=True, release_policy=bad, expires_on=until)
    refused(400, client.create_rsa_key, "rsa", expires_on=until)
    refused(404, client.get_key, "nowhere")
    fixed = policy(SEALED, immutable=True)
    client.import_key("fixed", oct_key, exportable=True, release_policy=fixed, expires_on=until)
    refused(403, client.update_key_properties, "fixed", release_policy=policy({"claim": "iss", "exists": True}))
    refused(403, client.update_key_properties, "fixed", release_policy=policy(SEALED))
    # Another institution's vault is another vault.
    assert list(other.list_properties_of_keys()) == []
    for call in (other.get_key, other.rotate_key, other.begin_delete_key, other.get_deleted_key):
        refused(404, call, "fixed")
    refused(403, other.release_key, "fixed", machine.token())


def check(folder, url):
    address = urlparse(url)
    pem = ssl.get_server_certificate((address.hostname, address.port))
    certificate = x509.load_pem_x509_certificate(pem.encode())
    pinned = f"{folder}/../vault.pem"
    with open(pinned, "w") as file:
        file.write(pem)

    def client(name, version):
        return KeyClient(
            url, Bearer(folder, name), verify_challenge_resource=False,
            connection_verify=pinned, api_version=version, retry_total=0,
        )

    provider = client("provider/provider.key", ApiVersion.V2025_07_01)
    hospital = client("administrator/administrator.key", ApiVersion.V7_4)
    stranger = KeyClient(
        url, Bearer(folder, "release/release.key"), verify_challenge_resource=False,
        connection_verify=pinned, retry_total=0,
    )
    machine = Machine(folder)
    refused(401, stranger.get_key, "data")
    imports_and_releases(provider, machine, certificate)
    lives(provider, machine, certificate)
    bounds(provider, hospital, machine)
    print("azure-keyvault-keys: imports, versions, releases and refusals as they should be")


if __name__ == "__main__":
    {"prepare": prepare, "check": check}[sys.argv[1]](*sys.argv[2:])
