//! Tokens as Azure's clients verify them: RS256, with `kid` and `jku` naming a key of
//! `/certs`. The attestor signs them. A claim that a policy issues never takes the place of
//! one that the service made.

use autoclave_attest::claimrules::{Claim, Evaluated, Issuer};
use autoclave_base::b64;
use autoclave_cell::Refusal;
use serde_json::{Map, Value, json};

use super::error::AzureError;
use super::{InForce, TOKEN_LIFE_SECONDS_MAX};
use crate::service::Attestor;
use crate::signing::{SigningError, signing_input, x5c};

/// The header of a token that nobody signs (RFC 7515, appendix A.5).
pub(super) const UNSIGNED_HEADER: &str = "eyJhbGciOiJub25lIn0";

/// Longest list of claims that a policy puts into a token, in bytes of JSON.
const ISSUED_BYTES_MAX: usize = 32 * 1024;

const ISSUED: Refusal =
    Refusal::bad_request("policy.too_much", "The policy issues more than a token can carry.");

impl Attestor {
    /// The members that every token of this API has.
    pub(super) fn registered(&self) -> Map<String, Value> {
        let now = self.cell().now();
        let life = self.azure.settings.token_life_seconds;
        let life = life.unwrap_or(autoclave_attest::token::TOKEN_LIFE_SECONDS);
        let exp = now.plus(life.min(TOKEN_LIFE_SECONDS_MAX));
        let mut all = Map::new();
        all.insert("iss".to_owned(), json!(self.issuer()));
        all.insert("jti".to_owned(), json!(self.random_id()));
        all.insert("iat".to_owned(), json!(now));
        all.insert("nbf".to_owned(), json!(now));
        all.insert("exp".to_owned(), json!(exp));
        all
    }

    /// Signs with the RSA key of this moment.
    pub(super) async fn sign_rs256(&self, claims: &Map<String, Value>) -> Result<String, Refusal> {
        let ring = self.azure.keys.in_use(self.cell()).await?;
        let failed = |_| Refusal::internal(SigningError::CODE);
        let kid = ring.current.jwk()["kid"].clone();
        let jku = format!("{}/certs", self.issuer().trim_end_matches('/'));
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": kid, "jku": jku});
        let signed = signing_input(&header, claims).map_err(failed)?;
        let signature = ring.current.sign(signed.as_bytes());
        let signature = signature.map_err(|_| Refusal::internal(SigningError::CODE))?;
        Ok(format!("{signed}.{}", b64::encode(signature)))
    }
}

/// A token that counts nowhere: what a draft of a policy would say.
pub(super) fn unsigned(claims: &Map<String, Value>) -> Result<String, Refusal> {
    let payload = serde_json::to_vec(claims).map_err(|_| Refusal::internal(SigningError::CODE))?;
    Ok(format!("{UNSIGNED_HEADER}.{}.", b64::encode(payload)))
}

/// What a policy is called in tokens.
pub(super) fn policy_claims(in_force: &InForce) -> Map<String, Value> {
    let mut all = Map::new();
    let hash = b64::encode(in_force.policy.hash());
    for name in ["x-ms-policy-hash", "policy_hash", "maa-policyHash"] {
        all.insert(name.to_owned(), json!(hash));
    }
    if let Some(signer) = &in_force.signer {
        let jwk = signer_jwk(signer);
        all.insert("policy_signer".to_owned(), jwk.clone());
        all.insert("x-ms-policy-signer".to_owned(), jwk);
    }
    all
}

/// A certificate as Azure's clients have signers: a key that only names its certificate.
pub(super) fn signer_jwk(certificate: &[u8]) -> Value {
    let kind = super::signers::key_type(certificate);
    json!({"kty": kind, "x5c": x5c(&[certificate.to_vec()])})
}

/// Adds what the policy issued: under `x-ms-policy` all of it, and at the top what is not
/// there yet. Several claims of one name are a list.
pub(super) fn add_issued(
    all: &mut Map<String, Value>,
    evaluated: &Evaluated,
) -> Result<(), AzureError> {
    let mut issued = Map::<String, Value>::new();
    for Claim { kind, value, issuer } in &evaluated.issued {
        debug_assert!(*issuer != Issuer::Custom, "nobody else issues");
        let value = value.to_json();
        match issued.get_mut(kind) {
            None => drop(issued.insert(kind.clone(), value)),
            Some(Value::Array(values)) => values.push(value),
            Some(before) => *before = json!([before.clone(), value]),
        }
    }
    if Value::Object(issued.clone()).to_string().len() > ISSUED_BYTES_MAX {
        return Err(AzureError::new("PolicyEvaluationError", ISSUED));
    }
    for (kind, value) in &issued {
        if !all.contains_key(kind) && !RESERVED.contains(&kind.as_str()) {
            all.insert(kind.clone(), value.clone());
        }
    }
    if !issued.is_empty() {
        all.insert("x-ms-policy".to_owned(), Value::Object(issued));
    }
    Ok(())
}

/// Names that only the service uses, even where it does not.
const RESERVED: [&str; 16] = [
    "iss",
    "sub",
    "aud",
    "iat",
    "nbf",
    "exp",
    "jti",
    "cnf",
    "nonce",
    "eat_nonce",
    "x-ms-runtime",
    "x-ms-inittime",
    "x-ms-policy",
    "x-ms-policy-signer",
    "x-ms-compliance-status",
    "submods",
];
