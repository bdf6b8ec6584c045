//! The demo's staff accounts: made once, kept in the client's folder.
//! They belong to whoever runs the demo; a hospital's are made by its administrator.
//! No account that people use outside a demo is ever written down like this.

use autoclave_base::{UnixTime, b64};
use autoclave_client::clock::random;
use serde::{Deserialize, Serialize};
use totp_rs::{Builder, Secret};

use super::layout::Layout;
use crate::failure::{Failure, Outcome};
use crate::files;

/// Bytes of a password's randomness: 120 bits.
const PASSWORD_BYTES: usize = 15;
/// Bytes of a one-time secret (RFC 4226, section 4).
const TOTP_BYTES: usize = 20;
/// Seconds that a code lives.
pub const TOTP_STEP_SECONDS: u64 = 30;
/// The name that an authenticator app shows.
const ISSUER: &str = "Autoclave demo";

/// A staff account with all that signs it in.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The user name.
    pub user: String,
    /// The role.
    pub role: String,
    /// The password.
    pub password: String,
    /// The one-time secret, in base32.
    pub totp: String,
}

impl Account {
    fn new(user: &str, role: &str) -> Self {
        let (mut password, mut totp) = ([0; PASSWORD_BYTES], [0; TOTP_BYTES]);
        rand::Rng::fill_bytes(&mut random(), &mut password);
        rand::Rng::fill_bytes(&mut random(), &mut totp);
        Self {
            user: user.to_owned(),
            role: role.to_owned(),
            password: b64::encode(password),
            totp: Secret::from(totp).to_base32(),
        }
    }

    /// The code of the moment.
    pub fn code(&self, now: UnixTime) -> Outcome<String> {
        let malformed = || Failure::new("account.totp", "the one-time secret is malformed");
        let secret = Secret::try_from_base32(&self.totp).map_err(|_| malformed())?;
        let totp = Builder::new().with_secret(secret).build().map_err(|_| malformed())?;
        Ok(totp.generate(now.seconds()).to_string())
    }

    /// What an authenticator app reads.
    pub fn otpauth_uri(&self) -> String {
        let issuer = ISSUER.replace(' ', "%20");
        format!("otpauth://totp/{issuer}:{}?secret={}&issuer={issuer}", self.user, self.totp)
    }
}

/// The accounts of a deployment, made where there are none.
pub fn open(layout: &Layout) -> Outcome<Vec<Account>> {
    let path = layout.client().join("accounts.json");
    if path.exists() {
        return files::read_json(&path);
    }
    let accounts = vec![Account::new("clerk", "clerk"), Account::new("clinician", "clinician")];
    files::write_private_json(&path, &accounts)?;
    Ok(accounts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path()).unwrap();
        layout.make().unwrap();
        let first = open(&layout).unwrap();
        let second = open(&layout).unwrap();
        assert_eq!(first[0].password, second[0].password);
        assert_ne!(first[0].password, first[1].password);
    }

    #[test]
    fn codes_are_those_of_rfc_6238() {
        let account = Account {
            user: "u".into(),
            role: "clerk".into(),
            password: "p".into(),
            totp: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".into(),
        };
        assert_eq!(account.code(UnixTime::from_seconds(59)).unwrap(), "287082");
        assert!(account.otpauth_uri().starts_with("otpauth://totp/Autoclave%20demo:u?secret=GEZ"));
    }
}
