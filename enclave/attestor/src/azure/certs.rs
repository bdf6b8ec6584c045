//! `/certs`: the keys that sign tokens, each with certificates. The RSA key's certificate is
//! signed by the ES256 key of this moment, which the attestor's own evidence vouches for, so
//! that whoever verified the attestor need not believe a name. No authority signs any of them.

use std::sync::Arc;

use autoclave_attest::jwk::Jwk;
use autoclave_cell::Refusal;
use axum::Json;
use axum::extract::State;
use rcgen::{BasicConstraints, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value, json};

use super::error::AzureError;
use super::keys::{KeysError, Ring};
use super::rsa::RsaKey;
use crate::service::Attestor;
use crate::signing::{SigningError, certificate_of, pair, x5c};

pub(super) async fn certs(
    State(attestor): State<Arc<Attestor>>,
) -> Result<Json<Value>, AzureError> {
    Ok(Json(json!({"keys": attestor.published().await?})))
}

impl Attestor {
    async fn published(&self) -> Result<Vec<Value>, Refusal> {
        let ring = self.azure.keys.in_use(self.cell()).await?;
        let failed = |_| Refusal::internal(SigningError::CODE);
        let mut keys = Vec::new();
        for key in [&ring.current, &ring.next] {
            keys.push(with_x5c(key.jwk(), &x5c(&self.chain(key).map_err(failed)?)));
        }
        keys.extend(ring.retired.iter().map(|key| with_x5c(key.jwk.clone(), &key.x5c)));
        let in_use = self.keys.in_use();
        let own = in_use.certificate(self.issuer()).map_err(failed)?;
        let jwk = Jwk::signing(in_use.ring.current().verifying_key());
        let jwk = serde_json::to_value(jwk).map_err(|_| Refusal::internal(SigningError::CODE))?;
        keys.push(with_x5c(jwk, &x5c(&[own])));
        Ok(keys)
    }

    /// The certificate of an RSA key, and that of the key that signed it.
    fn chain(&self, key: &RsaKey) -> Result<Vec<Vec<u8>>, SigningError> {
        let in_use = self.keys.in_use();
        let since = in_use.ring.since();
        let mut issuer = certificate_of(self.issuer(), since)?;
        issuer.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let own_pair = pair(in_use.ring.current())?;
        let own = issuer.self_signed(&own_pair).map_err(|_| SigningError)?;
        let issuer = Issuer::new(issuer, own_pair);
        let der = PrivatePkcs8KeyDer::from(key.pkcs8().as_slice());
        let rsa = KeyPair::from_pkcs8_der_and_sign_algo(&der, &rcgen::PKCS_RSA_SHA256);
        let rsa = rsa.map_err(|_| SigningError)?;
        let leaf = certificate_of(self.issuer(), since)?.signed_by(&rsa, &issuer);
        let leaf = leaf.map_err(|_| SigningError)?;
        Ok(vec![leaf.der().to_vec(), own.der().to_vec()])
    }

    /// Rotates the RSA keys that are due, where there are some.
    pub(crate) async fn keep_azure_keys(&self) -> Result<(), KeysError> {
        let certificates =
            |ring: &Ring| self.chain(&ring.current).map(|chain| x5c(&chain)).unwrap_or_default();
        self.azure.keys.keep(self.cell(), self.key_life(), certificates).await
    }
}

fn with_x5c(mut jwk: Value, x5c: &[String]) -> Value {
    if let Some(members) = jwk.as_object_mut() {
        members.insert("x5c".to_owned(), json!(x5c));
    }
    jwk
}
