//! An account: what is sealed of a member of staff, and the check of a name, a password
//! and a code as one. The hospital's. No answer tells which of the three was wrong.

use autoclave_base::ids::StaffId;
use autoclave_base::{Phi, Secret, UnixTime, b64};
use autoclave_cell::Entropy;
use autoclave_record::Role;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::auth::onetime::OneTimeSecret;
use crate::auth::password::PasswordHash;
use crate::store::{StaffRow, StoreError};

/// Longest user name, in bytes.
const USER_BYTES_MAX: usize = 64;

/// A user name in its one spelling.
pub(crate) fn user_name(typed: &str) -> Option<Phi<String>> {
    let name = typed.trim().to_lowercase();
    let allowed = |c: char| c.is_alphanumeric() || "._-@+'".contains(c);
    let fits = (1..=USER_BYTES_MAX).contains(&name.len()) && name.chars().all(allowed);
    fits.then(|| Phi::new(name))
}

/// What is sealed of an account. The name is in it for the administrator's list.
#[derive(Serialize, Deserialize)]
pub(crate) struct Secrets {
    user: String,
    password: PasswordHash,
    #[serde(with = "b64::serde_bytes")]
    onetime: Vec<u8>,
}

impl Secrets {
    /// Of a new account.
    pub(crate) fn new(user: &Phi<String>, password: PasswordHash, onetime: &OneTimeSecret) -> Self {
        Self { user: user.expose().clone(), password, onetime: onetime.expose().to_vec() }
    }

    /// To be sealed.
    pub(crate) fn to_bytes(&self) -> Secret<Vec<u8>> {
        Secret::new(serde_json::to_vec(self).unwrap_or_default())
    }

    fn from_bytes(bytes: &Secret<Vec<u8>>) -> Result<Self, StoreError> {
        serde_json::from_slice(bytes.expose()).map_err(|_| StoreError::Malformed)
    }

    fn nobodys() -> Self {
        let onetime = OneTimeSecret::random(&mut Entropy).expose().to_vec();
        Self { user: String::new(), password: PasswordHash::nobodys(), onetime }
    }
}

impl Drop for Secrets {
    fn drop(&mut self) {
        use zeroize::Zeroize as _;
        self.onetime.zeroize();
    }
}

/// What somebody claims to know.
pub(crate) struct Claim {
    pub(crate) password: Secret<String>,
    pub(crate) code: String,
}

/// A person who knew all three; the step of the code is still to be used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) id: StaffId,
    pub(crate) role: Role,
    pub(crate) step: u64,
}

/// Checks a claim against an account, or against nobody's with the same work.
pub(crate) fn check(
    account: Option<&StaffRow>,
    claim: &Claim,
    now: UnixTime,
) -> Result<Option<Known>, StoreError> {
    let secrets = match account {
        Some(account) => Secrets::from_bytes(&account.secrets)?,
        None => Secrets::nobodys(),
    };
    let password = secrets.password.matches(&claim.password);
    let onetime = Zeroizing::new(secrets.onetime.clone());
    let onetime = OneTimeSecret::from_bytes(onetime.to_vec()).ok_or(StoreError::Malformed)?;
    let step = onetime.step(&claim.code, now);
    Ok(match (account, password, step) {
        (Some(account), true, Some(step)) => {
            Some(Known { id: account.id, role: account.role, step })
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::password::NewPassword;

    const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);

    fn claim(password: &str, code: String) -> Claim {
        Claim { password: Secret::new(password.to_owned()), code }
    }

    #[test]
    fn all_three_must_be_known() {
        let onetime = OneTimeSecret::random(&mut Entropy);
        let password = NewPassword::parse(Secret::new("correct horse".to_owned())).unwrap();
        let password = PasswordHash::new(&password, &mut Entropy).unwrap();
        let user = user_name(" Ada ").unwrap();
        let secrets = Secrets::new(&user, password, &onetime).to_bytes();
        let row = StaffRow { id: StaffId::random(&mut Entropy), role: Role::Clerk, secrets };
        let right = || claim("correct horse", onetime.code(NOW));
        let known = check(Some(&row), &right(), NOW).unwrap().unwrap();
        assert_eq!((known.id, known.role, known.step), (row.id, Role::Clerk, NOW.seconds() / 30));
        assert_eq!(
            check(Some(&row), &claim("wrong horse!", onetime.code(NOW)), NOW).unwrap(),
            None
        );
        assert_eq!(check(Some(&row), &claim("correct horse", "1".into()), NOW).unwrap(), None);
        assert_eq!(check(Some(&row), &right(), NOW.plus(300)).unwrap(), None);
        assert_eq!(check(None, &right(), NOW).unwrap(), None);
    }

    #[test]
    fn names_have_one_spelling() {
        assert_eq!(user_name(" Ada.L@ward-3 ").unwrap().expose(), "ada.l@ward-3");
        for bad in ["", " ", "a b", "a\0", "a<b", &"a".repeat(USER_BYTES_MAX + 1)] {
            assert!(user_name(bad).is_none(), "{bad:?}");
        }
    }
}
