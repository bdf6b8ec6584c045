//! The broker killed within releases that clients of Azure Key Vault ask for: an answer that
//! left has its line, and the vault's keys are as they were.

use std::sync::Arc;

use autoclave::deploy::keys::Keys;
use autoclave::deploy::layout::Layout;
use autoclave::deploy::party::Party;
use autoclave_attest::jws;
use autoclave_base::{Digest, b64};
use autoclave_client::clock::now;
use autoclave_client::{Bytes, Client};
use http::Request;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};

use super::common::scene::{self, Scene};
use super::common::{Any, told};
use super::{OCCURRENCES, REQUESTS_MAX, figures, kills};

/// The authority that the demo is told of.
const ISSUER: &str = "https://authority.example";
/// The vault's key.
const KEY: &str = "/keys/released";
/// A public key of 2048 bits, to wrap to: nobody opens anything here.
const MODULUS: &str = "xNvfO9ziA4fgPGxugbWYKZnwrrIUta9rFlXuKNaclLRD10ZHJPGcAYrQv-yp8yOE4YJYRdRTkYy5qmep6RPpqSULWBtSBsHlTl7NkT8jZJBs3G42pr8RJoFXWnTJ7s3EfFlf721fcpGMtut9FuZjPsUxrASiRCqlyXkrk2qsadl4ZoA5Uf4x48WmurfsPhOhZwWKWXw-40m5CnusKU5sBUQmf4PQxSYJoG22H0yK6sSEpghcRvS_8CVHL4CgewzGO7U5Ul0LLWHfdlaxrsa9ClC8fVuU-DodckRX0u05A9f5YMQ3_eHld06zdJhUMpvcniI3-fLK-OxmEbj7qiHGPQ";

/// Describes the authority, before the deployment is prepared.
pub(crate) fn describe(layout: &Layout) -> Any<()> {
    let mut jwk = serde_json::to_value(Keys::public(&authority()?))?;
    jwk["kid"] = json!("one");
    let described = json!({ "issuer": ISSUER, "keys": [jwk] });
    Ok(std::fs::write(layout.authority(), described.to_string())?)
}

/// A key of these tests': it vouches for nothing but what they make up.
fn authority() -> Any<SigningKey> {
    Ok(SigningKey::from_slice(&[9; 32])?)
}

/// Asks for releases while the broker dies.
pub(crate) async fn releases(scene: &mut Scene) -> Any<String> {
    let resource = format!("https://localhost:{}", scene.ports.direct(Party::Broker).port());
    let caller =
        Caller { client: scene.client.clone(), key: scene.keys.provider.clone(), resource };
    caller.import().await?;
    let (mut died, mut left) = (0, 0);
    let kills = kills(&OCCURRENCES);
    for kill in &kills {
        let mut tokens = Vec::new();
        let trap = scene.parties.trap(Party::Broker, *kill).await?;
        for _ in 0..REQUESTS_MAX {
            let token = token(tokens.len())?;
            if caller.release(&token).await.is_ok() {
                tokens.push(Digest::of(&token).to_string());
            }
            if scene.parties.is_dead(Party::Broker) {
                died += 1;
                break;
            }
        }
        drop(trap);
        scene.parties.kill(Party::Broker).await?;
        scene.parties.restart(Party::Broker).await?;
        for token in &tokens {
            if scene.parties.lines(Party::Broker, "secure_release", token)? == 0 {
                return Err(format!("{kill:?}: a key left the vault without its line").into());
            }
            left += 1;
        }
        caller.release(&token(usize::MAX)?).await?;
    }
    Ok(figures("releases from the vault", "broker", kills.len(), died, left))
}

/// A token of the authority's for a machine that no debugger looks into.
fn token(number: usize) -> Any<String> {
    let key = json!({ "kty": "RSA", "kid": "enc", "use": "enc", "e": "AQAB", "n": MODULUS });
    let claims = json!({
        "iss": ISSUER, "iat": now(), "exp": now().plus(600), "jti": number.to_string(),
        "sealed": true, "x-ms-runtime": { "keys": [key] },
    });
    let header = json!({ "alg": "ES256", "typ": "JWT", "kid": "one" });
    let signed = [header, claims].map(|part| b64::encode(part.to_string())).join(".");
    let signature: Signature = authority()?.sign(signed.as_bytes());
    Ok(format!("{signed}.{}", b64::encode(signature.to_bytes())))
}

struct Caller {
    client: Arc<Client>,
    key: SigningKey,
    resource: String,
}

impl Caller {
    async fn import(&self) -> Any<()> {
        let condition = json!({ "claim": "sealed", "equals": true });
        let authority = json!({ "authority": ISSUER, "allOf": [condition] });
        let policy = json!({ "version": "1.0.0", "anyOf": [authority] });
        let body = json!({
            "key": { "kty": "oct-HSM", "k": b64::encode([7; 32]) },
            "attributes": { "exportable": true, "exp": now().plus(86_400) },
            "release_policy": { "data": b64::encode(policy.to_string()) },
        });
        self.call("PUT", KEY, &body).await
    }

    async fn release(&self, token: &str) -> Any<()> {
        self.call("POST", &format!("{KEY}/release"), &json!({ "target": token })).await
    }

    async fn call(&self, method: &str, path: &str, body: &Value) -> Any<()> {
        let claims = json!({ "aud": self.resource, "iat": now(), "exp": now().plus(600) });
        let bearer = jws::sign_with_jwk("autoclave-bearer+jwt", None, &claims, &self.key);
        let request = Request::builder()
            .method(method)
            .uri(format!("{path}?api-version=7.6"))
            .header("authorization", format!("Bearer {bearer}"))
            .body(Bytes::from(body.to_string()))?;
        let answer = self.client.send(&scene::workload(Party::Broker)?, request).await;
        let answer = answer.map_err(told)?;
        let status = answer.response.status();
        if status.is_success() { Ok(()) } else { Err(format!("{method} {path}: {status}").into()) }
    }
}
