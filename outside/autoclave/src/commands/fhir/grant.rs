//! The command line as an application of the clinic (SMART Backend Services): its settings, and
//! the assertion that its key signs.
//! They belong to whoever holds the client's folder.
//! An assertion is good for a minute and once.

use std::fmt::Write as _;
use std::path::Path;

use autoclave_attest::jwk::Jwk;
use autoclave_attest::jws;
use autoclave_base::{UnixTime, b64};
use autoclave_client::clock::random;
use p256::ecdsa::SigningKey;
use serde_json::json;

use crate::deploy::FhirSettings;
use crate::deploy::keys;
use crate::failure::Outcome;
use crate::files;

/// How long an assertion is good.
const LIFE_SECONDS: u64 = 60;

/// An application with its key.
pub(super) struct Application {
    pub(super) settings: FhirSettings,
    key: SigningKey,
}

impl Application {
    /// From the client's folder.
    pub(super) fn open(folder: &Path) -> Outcome<Self> {
        let read: Outcome<FhirSettings> = files::read_json(&folder.join("fhir.json"));
        let settings =
            read.map_err(|failure| failure.advise("Start a demo first, or give --client."))?;
        let key = keys::read(&folder.join("fhir.key"))?;
        Ok(Self { settings, key })
    }

    /// The form of a request for a token.
    pub(super) fn form(&self, scope: &str, now: UnixTime) -> String {
        let mut jti = [0; 16];
        rand::Rng::fill_bytes(&mut random(), &mut jti);
        let claims = json!({
            "iss": self.settings.client_id, "sub": self.settings.client_id,
            "aud": format!("{}/auth/token", self.settings.base),
            "exp": now.plus(LIFE_SECONDS).seconds(), "jti": b64::encode(jti),
        });
        let kid = Jwk::signing(self.key.verifying_key()).thumbprint().to_string();
        let assertion = jws::sign("JWT", &kid, &claims, &self.key);
        let fields = [
            ("grant_type", "client_credentials"),
            ("scope", scope),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion.as_str()),
        ];
        let pairs = fields.map(|(name, value)| format!("{name}={}", encoded(value)));
        pairs.join("&")
    }
}

/// A value of a form, in percent where it is no letter, digit or one of `-._~`.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _a_text_takes_all = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use p256::elliptic_curve::Generate as _;

    use super::*;

    #[test]
    fn a_request_for_a_token_is_signed_for_its_endpoint() {
        let key = SigningKey::generate_from_rng(&mut random());
        let settings = FhirSettings { base: "https://h:1".into(), client_id: "app".into() };
        let application = Application { settings, key: key.clone() };
        let form = application.form("system/*.rs", UnixTime::from_seconds(1_000));
        assert!(form.contains("scope=system%2F%2A.rs"), "{form}");
        let assertion = form.rsplit_once("client_assertion=").unwrap().1;
        let claims = jws::verify(assertion, key.verifying_key(), "JWT").unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["aud"], "https://h:1/auth/token");
        assert_eq!((claims["iss"].as_str(), claims["sub"].as_str()), (Some("app"), Some("app")));
        assert_eq!(claims["exp"], 1_060);
    }
}
