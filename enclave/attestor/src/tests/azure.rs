//! Azure Attestation's API as its clients find it, without evidence: versions, keys, policies
//! and who may set them.

use autoclave_attest::jwk::Jwk;
use autoclave_attest::jws;
use autoclave_base::{Digest, b64};
use autoclave_cell::Entropy;
use autoclave_ledger::Event;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use p256::ecdsa::SigningKey;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::asking::{Answer, parts};
use super::scene::{ISSUER, Life, Scene};
use crate::azure::test_seams::{ADMIN_SCOPE, ADMIN_TYP, RsaKey};

pub(super) const VERSION: &str = "api-version=2022-08-01";

const POLICY: &str = "version=1.0; authorizationrules{ => permit(); }; issuancerules{ };";

fn administrator() -> SigningKey {
    SigningKey::from_slice(&[21; 32]).unwrap()
}

/// Settings with an administrator, and these lines.
pub(super) fn settings(lines: &str) -> String {
    let jwk = serde_json::to_value(Jwk::signing(administrator().verifying_key())).unwrap();
    let members = jwk.as_object().unwrap().iter();
    let members: Vec<_> = members.map(|(name, value)| format!("{name} = {value}")).collect();
    format!("[attestor.azure]\nadministrators = [{{ {} }}]\n{lines}\n", members.join(", "))
}

fn bearer_of(life: &Life, key: &SigningKey, change: impl FnOnce(&mut Value)) -> String {
    let now = life.running.cell().now();
    let mut claims = json!({"aud": ISSUER, "scope": ADMIN_SCOPE, "iat": now, "exp": now.plus(600)});
    change(&mut claims);
    let kid = Jwk::signing(key.verifying_key()).thumbprint().to_string();
    format!("Bearer {}", jws::sign(ADMIN_TYP, &kid, &claims, key))
}

pub(super) fn bearer(life: &Life) -> String {
    bearer_of(life, &administrator(), |_| ())
}

/// The code of an error in Azure's form, which stands in a header as well, and ours.
pub(super) fn error(answer: &Answer) -> (String, String) {
    let error = &answer.json()["error"];
    let code = error["code"].as_str().unwrap().to_owned();
    assert_eq!(answer.headers["x-ms-error-code"], code.as_str());
    let message = error["message"].as_str().unwrap();
    (code, message.split_once(": ").unwrap().0.to_owned())
}

/// The claims of a token, verified by the key of `/certs` that it names.
pub(super) async fn claims(life: &Life, token: &str) -> Value {
    let keys = life.ask("GET", "/certs", &[], "").await.json();
    let (header, claims) = parts(token);
    assert_eq!((&header["alg"], &header["typ"]), (&json!("RS256"), &json!("JWT")));
    assert_eq!(header["jku"], format!("{ISSUER}/certs"));
    let mut keys = keys["keys"].as_array().unwrap().iter();
    let key = keys.find(|key| key["kid"] == header["kid"]).expect("the key is published");
    let member = |name: &str| b64::decode(key[name].as_str().unwrap()).unwrap();
    let public = RsaPublicKeyComponents { n: member("n"), e: member("e") };
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = b64::decode(signature).unwrap();
    public.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature).unwrap();
    claims
}

fn unsigned(policy: &str) -> String {
    let body = json!({"AttestationPolicy": b64::encode(policy)}).to_string();
    format!("{}.{}.", b64::encode(r#"{"alg":"none"}"#), b64::encode(body))
}

impl Life {
    pub(super) async fn set_policy(&self, kind: &str, jws: &str, bearer: &str) -> Answer {
        let path = format!("/policies/{kind}?{VERSION}");
        let headers = [("authorization", bearer), ("content-type", "text/plain")];
        self.ask("PUT", &path, &headers, jws.to_owned()).await
    }

    async fn policy(&self, kind: &str) -> String {
        let path = format!("/policies/{kind}?{VERSION}");
        let answer = self.ask("GET", &path, &[], "").await.json();
        let claims = claims(self, answer["token"].as_str().unwrap()).await;
        let (_, body) = parts(claims["x-ms-policy"].as_str().unwrap());
        let policy = b64::decode(body["AttestationPolicy"].as_str().unwrap()).unwrap();
        String::from_utf8(policy).unwrap()
    }
}

#[tokio::test]
async fn other_versions_and_types_are_refused_in_azures_form() {
    let life = Scene::new().start().await.unwrap();
    for (path, code, ours) in [
        ("/attest/SgxEnclave", "MissingApiVersionParameter", "azure.api_version_missing"),
        (
            "/attest/SgxEnclave?api-version=2018-09-01-preview",
            "UnsupportedApiVersion",
            "azure.api_version",
        ),
        ("/attest/AzureGuest?api-version=2025-06-01", "InvalidParameter", "azure.attestation_type"),
        ("/attest/SgxEnclave?api-version=2020-10-01", "InvalidParameter", "attest.malformed"),
    ] {
        let answer = life.post_json(path, &json!({})).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(error(&answer), (code.to_owned(), ours.to_owned()), "{path}");
    }
    life.end().await;
}

#[tokio::test]
async fn the_keys_have_certificates_down_to_the_key_that_evidence_vouches_for() {
    let scene = Scene::new();
    let life = scene.start().await.unwrap();
    let keys = life.ask("GET", "/certs", &[], "").await.json()["keys"].clone();
    let [current, next, own] = keys.as_array().unwrap().as_slice() else { panic!("{keys}") };
    assert_eq!(
        (&current["kty"], &next["kty"], &own["kty"]),
        (&json!("RSA"), &json!("RSA"), &json!("EC"))
    );
    let published = life.attestor.keys.in_use().published;
    assert!(published.thumbprints().any(|key| json!(key) == own["kid"]), "own key is attested");
    for key in [current, next] {
        let chain: Vec<_> = key["x5c"]
            .as_array()
            .unwrap()
            .iter()
            .map(|der| STANDARD.decode(der.as_str().unwrap()).unwrap())
            .collect();
        let [leaf, issuer] = chain.as_slice() else { panic!() };
        assert!(signed_by(leaf, issuer), "the RSA key's certificate is signed by the attested key");
    }
    let discovery = life.ask("GET", "/.well-known/openid-configuration", &[], "").await.json();
    assert_eq!(discovery["id_token_signing_alg_values_supported"], json!(["ES256", "RS256"]));
    life.end().await;
    let life = scene.start().await.unwrap();
    let again = life.ask("GET", "/certs", &[], "").await.json()["keys"].clone();
    assert_eq!((&again[0]["kid"], &again[1]["kid"]), (&current["kid"], &next["kid"]), "kept");
    scene.clock.advance(super::scene::KEY_LIFE_SECONDS);
    crate::keeper::round(&life.attestor).await;
    let rotated = life.ask("GET", "/certs", &[], "").await.json()["keys"].clone();
    assert_eq!(rotated[0]["kid"], next["kid"], "the next key signs now");
    assert_eq!(rotated[2]["kid"], current["kid"], "the last one is still published");
    life.end().await;
}

fn signed_by(leaf: &[u8], issuer: &[u8]) -> bool {
    use x509_cert::Certificate;
    use x509_cert::der::{Decode as _, Encode as _};
    let (leaf, issuer) =
        (Certificate::from_der(leaf).unwrap(), Certificate::from_der(issuer).unwrap());
    let key = issuer.tbs_certificate().subject_public_key_info().subject_public_key.raw_bytes();
    let key =
        ring::signature::UnparsedPublicKey::new(&ring::signature::ECDSA_P256_SHA256_ASN1, key);
    key.verify(&leaf.tbs_certificate().to_der().unwrap(), leaf.signature().raw_bytes()).is_ok()
}

#[tokio::test]
async fn only_administrators_set_policies() {
    let scene = Scene::with("", &settings("unsigned_policies = true"));
    let life = scene.start().await.unwrap();
    let stranger = SigningKey::from_slice(&[22; 32]).unwrap();
    let attempts = [
        (String::new(), StatusCode::UNAUTHORIZED),
        ("Bearer nonsense".to_owned(), StatusCode::FORBIDDEN),
        (bearer_of(&life, &stranger, |_| ()), StatusCode::FORBIDDEN),
        (bearer_of(&life, &administrator(), |c| c["aud"] = json!("other")), StatusCode::FORBIDDEN),
        (bearer_of(&life, &administrator(), |c| c["scope"] = json!("x")), StatusCode::FORBIDDEN),
        (
            bearer_of(&life, &administrator(), |c| c["exp"] = c["iat"].clone()),
            StatusCode::FORBIDDEN,
        ),
        (
            bearer_of(&life, &administrator(), |c| c["exp"] = json!(4_000_000_000_u64)),
            StatusCode::FORBIDDEN,
        ),
    ];
    for (bearer, status) in attempts {
        let answer = life.set_policy("SgxEnclave", &unsigned(POLICY), &bearer).await;
        assert_eq!(answer.status, status, "{bearer}");
        error(&answer);
    }
    assert_ne!(life.policy("SgxEnclave").await, POLICY);
    life.end().await;
    let nobody = Scene::with("", "[attestor.azure]\nunsigned_policies = true\n");
    let life = nobody.start().await.unwrap();
    let answer = life.set_policy("SgxEnclave", &unsigned(POLICY), &bearer(&life)).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "where no key is named, nobody may");
    life.end().await;
}

#[tokio::test]
async fn a_policy_is_set_kept_and_reset_each_with_its_line() {
    let scene = Scene::with("", &settings("unsigned_policies = true"));
    let life = scene.start().await.unwrap();
    let default = life.policy("TdxVm").await;
    let jws = unsigned(POLICY);
    let answer = life.set_policy("TdxVm", &jws, &bearer(&life)).await.json();
    let result = claims(&life, answer["token"].as_str().unwrap()).await;
    assert_eq!(result["x-ms-policy-result"], "Updated");
    assert_eq!(result["x-ms-policy-token-hash"], b64::encode(Sha256::digest(&jws)));
    let events = life.events();
    let change = events.iter().rev().find_map(|event| match event {
        Event::PolicyChange { name, from, to } => Some((name.as_str().to_owned(), *from, *to)),
        _ => None,
    });
    let expected =
        ("azure/TdxVm".to_owned(), Some(Digest::of(default.as_bytes())), Digest::of(POLICY));
    assert_eq!(change, Some(expected));
    life.end().await;
    let life = scene.start().await.unwrap();
    assert_eq!(life.policy("TdxVm").await, POLICY, "after a restart as well");
    assert_ne!(life.policy("SevSnpVm").await, POLICY, "each type has its own");
    let nonsense = life.set_policy("TdxVm", &unsigned("version=1.0; what"), &bearer(&life)).await;
    assert_eq!(error(&nonsense), ("InvalidPolicy".to_owned(), "policy.grammar".to_owned()));
    let reset = format!("/policies/TdxVm:reset?{VERSION}");
    let empty = format!("{}..", b64::encode(r#"{"alg":"none"}"#));
    let answer = life.ask("POST", &reset, &[("authorization", &bearer(&life))], empty).await.json();
    let result = claims(&life, answer["token"].as_str().unwrap()).await;
    assert_eq!(result["x-ms-policy-result"], "Removed");
    assert_eq!(life.policy("TdxVm").await, default);
    life.end().await;
}

/// A policy signer: a key and its certificate (DER).
struct Signer(RsaKey, Vec<u8>);

impl Signer {
    fn new() -> Self {
        let key = RsaKey::generate(&mut Entropy).unwrap();
        let der = PrivatePkcs8KeyDer::from(key.pkcs8().as_slice());
        let pair = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&der, &rcgen::PKCS_RSA_SHA256);
        let certificate = rcgen::CertificateParams::default().self_signed(&pair.unwrap()).unwrap();
        let certificate = certificate.der().to_vec();
        Self(key, certificate)
    }

    fn pem(&self) -> String {
        format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            STANDARD.encode(&self.1)
        )
    }

    /// As Azure's client library for Python signs.
    fn sign(&self, payload: &str) -> String {
        let header = json!({"alg": "RSA256", "jwk": {"x5c": [STANDARD.encode(&self.1)]}});
        let signed = format!("{}.{}", b64::encode(header.to_string()), b64::encode(payload));
        let signature = self.0.sign(signed.as_bytes()).unwrap();
        format!("{signed}.{}", b64::encode(signature))
    }
}

#[tokio::test]
async fn where_signers_are_known_a_policy_counts_by_their_signature_alone() {
    let (known, added) = (Signer::new(), Signer::new());
    let lines = format!("unsigned_policies = true\npolicy_signers = [{:?}]", known.pem());
    let scene = Scene::with("", &settings(&lines));
    let life = scene.start().await.unwrap();
    let bearer = bearer(&life);
    let payload = json!({"AttestationPolicy": b64::encode(POLICY)}).to_string();
    let mut forged = known.sign(&payload);
    forged.replace_range(forged.len() - 8.., "AAAAAAAA");
    for (jws, code) in [
        (unsigned(POLICY), "policy.unsigned"),
        (added.sign(&payload), "policy.signer_unknown"),
        (forged, "policy.signature"),
    ] {
        assert_eq!(error(&life.set_policy("SgxEnclave", &jws, &bearer).await).1, code);
    }
    let jws = known.sign(&payload);
    let answer = life.set_policy("SgxEnclave", &jws, &bearer).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let result = claims(&life, answer.json()["token"].as_str().unwrap()).await;
    assert_eq!(result["x-ms-policy-signer"]["x5c"][0], STANDARD.encode(&known.1));
    assert_eq!(life.policy("SgxEnclave").await, POLICY);

    let certificate =
        json!({"policyCertificate": {"kty": "RSA", "x5c": [STANDARD.encode(&added.1)]}});
    let headers = [("authorization", bearer.as_str())];
    let by_stranger = added.sign(&certificate.to_string());
    let path = format!("/certificates:add?{VERSION}");
    assert_eq!(
        error(&life.ask("POST", &path, &headers, by_stranger).await).1,
        "policy.signer_unknown"
    );
    let by_known = known.sign(&certificate.to_string());
    let answer = life.ask("POST", &path, &headers, format!("{by_known:?}")).await.json();
    let result = claims(&life, answer["token"].as_str().unwrap()).await;
    assert_eq!(result["x-ms-policycertificates-result"], "IsPresent");
    assert!(life.set_policy("TdxVm", &added.sign(&payload), &bearer).await.status.is_success());
    let path = format!("/certificates:remove?{VERSION}");
    let answer =
        life.ask("POST", &path, &headers, known.sign(&certificate.to_string())).await.json();
    let result = claims(&life, answer["token"].as_str().unwrap()).await;
    assert_eq!(result["x-ms-policycertificates-result"], "IsAbsent");
    let refused = life.set_policy("TdxVm", &added.sign(&payload), &bearer).await;
    assert_eq!(error(&refused).1, "policy.signer_unknown");
    life.end().await;
}

#[tokio::test]
async fn a_tpm_gets_a_challenge_and_windows_claims_are_refused_by_name() {
    let life = Scene::new().start().await.unwrap();
    let send = async |message: Value| {
        let body = json!({"data": b64::encode(message.to_string())});
        life.post_json(&format!("/attest/Tpm?{VERSION}"), &body).await
    };
    for message in [json!({"type": "aikcert"}), json!({"payload": {"type": "aikcert"}})] {
        let answer = send(message).await.json();
        let data = b64::decode(answer["data"].as_str().unwrap()).unwrap();
        let data: Value = serde_json::from_slice(&data).unwrap();
        assert_eq!(b64::decode(data["challenge"].as_str().unwrap()).unwrap().len(), 32);
        assert!(data["service_context"].is_string());
    }
    let refused = send(json!({"request": "a.b.c"})).await;
    assert_eq!(refused.status, StatusCode::NOT_IMPLEMENTED);
    assert_eq!(error(&refused), ("NotImplemented".to_owned(), "azure.tpm_claims".to_owned()));
    life.end().await;
}
