"""Azure's own client library for Python against an attestor of ours, unmodified.

    python3 client.py STAND EVIDENCE FOLDER

STAND is the example program `azure_stand`, EVIDENCE the folder of genuine evidence, FOLDER one
to work in. The attestor's clock stands where the evidence was valid, so tokens
are long over here: `validate_expiration` is off, and nothing else. Any assertion that fails
ends it with a status other than 0.
"""

import base64
import contextlib
import datetime
import hashlib
import json
import pathlib
import subprocess
import sys
import time
import urllib.request

from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError
from azure.security.attestation import (
    AttestationAdministrationClient,
    AttestationClient,
    AttestationPolicyToken,
    AttestationToken,
    AttestationType,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

STAND, EVIDENCE, FOLDER = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
SNP = EVIDENCE / "snp/snp_v3_oak_milan_oc_release_evidence_binarypb"
SGX = EVIDENCE / "dcap/sgx_v3_dcap_qvl_sgx_quote"
AT = 1780000000
ISSUER = "https://attestor.example"

# Plain HTTP on the loopback: the library sends no credential over it unless it is told.
HOW = {
    "enforce_https": False,
    "validate_expiration": False,
    "validate_issuer": True,
    "issuer": ISSUER,
}


class Bearer:
    """A credential that is a token already."""

    def __init__(self, token):
        self.token = token

    def get_token(self, *_scopes, **_kwargs):
        return AccessToken(self.token, int(time.time()) + 3600)


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@contextlib.contextmanager
def stand(name, at, *signers):
    """An attestor of its own, in a process of its own."""
    folder = FOLDER / name
    program = subprocess.Popen(
        [STAND, str(folder), str(at), *map(str, signers)], stdin=subprocess.PIPE
    )
    try:
        for _ in range(600):
            if (folder / "url").exists():
                break
            assert program.poll() is None, "the attestor ended"
            time.sleep(0.1)
        yield (folder / "url").read_text(), Bearer((folder / "bearer").read_text())
    finally:
        program.stdin.close()
        program.wait(timeout=30)


def signer(name):
    """A key that signs policies, and its certificate: both as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode()


def refused(code, act):
    """The act fails with this code of Azure's, which stands in a header as well."""
    try:
        act()
    except HttpResponseError as error:
        assert error.response.headers["x-ms-error-code"] == code, error.message
        assert error.error.code == code, error
        return
    raise AssertionError(f"not refused: {code}")


def enclaves(url, bearer):
    quote = (SGX / "quote.bin").read_bytes()
    with AttestationClient(url, bearer) as client:
        metadata = client.get_open_id_metadata(**{"enforce_https": False})
        assert metadata["issuer"] == ISSUER
        signers = client.get_signing_certificates(enforce_https=False)
        assert len(signers) >= 3 and all(one.certificates for one in signers)

        # This attestor trusts AMD alone: Intel's quote is refused, in a form that is understood.
        refused("InvalidParameter", lambda: client.attest_sgx_enclave(quote, **HOW))
        refused("InvalidParameter", lambda: client.attest_open_enclave(quote, **HOW))

        message = json.dumps({"payload": {"type": "aikcert"}})
        answer = json.loads(client.attest_tpm(message, enforce_https=False))
        assert answer["challenge"] and answer["service_context"]


def pem(der):
    text = base64.b64encode(der).decode()
    return f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"


def guest(url, bearer, policy_claims=None):
    """SEV-SNP, which the library does not know: its request by hand, its verification of
    tokens as it is."""
    report = (SNP / "report.bin").read_bytes()
    chain = "".join(pem((SNP / f"{name}.der").read_bytes()) for name in ("vek", "ask", "ark"))
    evidence = {"SnpReport": b64url(report), "VcekCertChain": b64url(chain.encode())}
    request = urllib.request.Request(
        f"{url}/attest/SevSnpVm?api-version=2025-06-01",
        json.dumps({"report": b64url(json.dumps(evidence).encode()), "nonce": "12"}).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:
        token = AttestationToken(token=json.load(response)["token"])
    with AttestationClient(url, bearer) as client:
        token._validate_token(client.get_signing_certificates(enforce_https=False), **HOW)
    claims = token._get_body()
    assert token.algorithm == "RS256" and claims["nonce"] == "12"
    assert claims["x-ms-sevsnpvm-launchmeasurement"] == report[0x90:0xC0].hex()
    assert claims["x-ms-sevsnpvm-is-debuggable"] is False
    assert claims.get("x-ms-policy") == policy_claims, claims
    return claims


POLICY = (
    "version=1.0; authorizationrules{ => permit(); }; issuancerules{"
    'c:[type=="x-ms-sevsnpvm-vmpl"] => issue(type="level", value=c.value); };'
)


def unsigned_policies(url, bearer):
    kind = "SevSnpVm"
    with AttestationAdministrationClient(url, bearer) as client:
        default, _ = client.get_policy(kind, **HOW)
        assert "permit()" in default
        result, _ = client.set_policy(kind, POLICY, **HOW)
        assert result.policy_resolution == "Updated"
        expected = hashlib.sha256(AttestationPolicyToken(POLICY).to_jwt_string().encode()).digest()
        assert result.policy_token_hash == expected
        policy, _ = client.get_policy(kind, **HOW)
        assert policy == POLICY
        refused("InvalidPolicy", lambda: client.set_policy(kind, "version=1.0; nonsense", **HOW))
        claims = guest(url, bearer, {"level": 0})
        wanted = base64.urlsafe_b64encode(POLICY.encode()).rstrip(b"=")
        assert claims["x-ms-policy-hash"] == b64url(hashlib.sha256(wanted).digest())
        result, _ = client.reset_policy(kind, **HOW)
        assert result.policy_resolution == "Removed"
        assert client.get_policy(kind, **HOW)[0] == default
    with AttestationAdministrationClient(url, Bearer("nobody")) as client:
        refused("Forbidden", lambda: client.set_policy(kind, POLICY, **HOW))


def signed_policies(url, bearer, known, other):
    kind = AttestationType.SGX_ENCLAVE
    by = lambda one: {"signing_key": one[0], "signing_certificate": one[1], **HOW}
    with AttestationAdministrationClient(url, bearer) as client:
        refused("PolicySignatureRequired", lambda: client.set_policy(kind, POLICY, **HOW))
        refused("PolicySignerUnknown", lambda: client.set_policy(kind, POLICY, **by(other)))
        result, _ = client.set_policy(kind, POLICY, **by(known))
        assert result.policy_resolution == "Updated"
        assert result.policy_signer.certificates
        certificates, _ = client.get_policy_management_certificates(**HOW)
        assert len(certificates) == 1
        added, _ = client.add_policy_management_certificate(other[1], **by(known))
        assert added.certificate_resolution == "IsPresent"
        assert len(client.get_policy_management_certificates(**HOW)[0]) == 2
        assert client.reset_policy(kind, **by(other))[0].policy_resolution == "Removed"
        removed, _ = client.remove_policy_management_certificate(other[1], **by(known))
        assert removed.certificate_resolution == "IsAbsent"
        refused("PolicySignerUnknown", lambda: client.set_policy(kind, POLICY, **by(other)))


def main():
    with stand("unsigned", AT) as (url, bearer):
        enclaves(url, bearer)
        guest(url, bearer)
        unsigned_policies(url, bearer)
    known, other = signer("known"), signer("other")
    certificate = FOLDER / "signer.pem"
    certificate.write_text(known[1])
    with stand("signed", AT, certificate) as (url, bearer):
        signed_policies(url, bearer, known, other)
    print("azure-security-attestation: attested, read and set policies")


main()
