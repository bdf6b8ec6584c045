//! A session that outlives its process: saved by a program that runs for one task at a time,
//! and restored by the next. It belongs to the person who signed in, and is worth as much as
//! that session until it ends. Nothing here is printed by accident, and nothing is written.

use autoclave_base::ids::WorkloadName;
use autoclave_base::{Secret, UnixTime, b64};
use p256::ecdsa::SigningKey;
use serde::{Deserialize, Serialize, Serializer};

use crate::staff::bearer_of_key;

/// All that [`Client::restore`](crate::Client::restore) needs of a session: its text, the key
/// that it is bound to, and what the party said of it. [`Session::saved`](crate::Session::saved)
/// makes it.
///
/// It has no `Debug`, `Display` or `Serialize`. Whoever keeps it asks for
/// [`exposed`](Self::exposed), serialises that, and puts it where only its owner may read;
/// reading it back is plain deserialising:
///
/// ```
/// # fn example(session: &autoclave_client::Session) -> Result<(), Box<dyn std::error::Error>> {
/// let text = serde_json::to_vec(&session.saved().exposed())?;
/// let saved: autoclave_client::SavedSession = serde_json::from_slice(&text)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Deserialize)]
#[serde(try_from = "Read")]
pub struct SavedSession {
    pub(crate) party: WorkloadName,
    pub(crate) session: Secret<String>,
    pub(crate) key: SigningKey,
    pub(crate) role: String,
    pub(crate) expires_at: UnixTime,
}

/// A saved session with its secrets open, to be serialised and nothing else.
#[derive(Serialize)]
pub struct ExposedSession<'a> {
    party: &'a WorkloadName,
    session: &'a str,
    #[serde(serialize_with = "exposed_text")]
    key: Secret<String>,
    role: &'a str,
    expires_at: UnixTime,
}

/// What an [`ExposedSession`] was written as, before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    party: WorkloadName,
    session: String,
    key: String,
    role: String,
    expires_at: UnixTime,
}

/// Why what was read is no saved session; it says nothing of what it was.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("the key is none")]
    Key,
    #[error("the session is none")]
    Session,
}

impl SavedSession {
    /// When the session ends; the party may end it sooner.
    pub fn expires_at(&self) -> UnixTime {
        self.expires_at
    }

    /// Whether both are the same session.
    pub fn same_as(&self, other: &Self) -> bool {
        self.session.same_as(&other.session)
    }

    /// With the secrets open, for a file that only its owner may read.
    pub fn exposed(&self) -> ExposedSession<'_> {
        let key = Secret::new(<[u8; 32]>::from(self.key.to_bytes()));
        ExposedSession {
            party: &self.party,
            session: self.session.expose(),
            key: Secret::new(b64::encode(key.expose())),
            role: &self.role,
            expires_at: self.expires_at,
        }
    }
}

fn exposed_text<S: Serializer>(text: &Secret<String>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(text.expose())
}

impl TryFrom<Read> for SavedSession {
    type Error = Unusable;

    fn try_from(read: Read) -> Result<Self, Unusable> {
        let Read { party, session, key, role, expires_at } = read;
        let (session, key) = (Secret::new(session), Secret::new(key));
        let key = b64::decode_array::<32>(key.expose()).map_err(|_| Unusable::Key)?;
        let key = Secret::new(key);
        let key = SigningKey::from_slice(key.expose()).map_err(|_| Unusable::Key)?;
        bearer_of_key(session.expose()).map_err(|_| Unusable::Session)?;
        Ok(Self { party, session, key, role, expires_at })
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::{Debug, Display};

    use serde_json::{Value, json};

    use super::*;

    fn written() -> Value {
        json!({
            "party": "clinic",
            "session": "c2Vzc2lvbg",
            "key": b64::encode([7; 32]),
            "role": "clerk",
            "expires_at": 1_700_000_000,
        })
    }

    /// Compiles only while one `guarded` fits: a `Debug`, `Display` or `Serialize` would give
    /// `SavedSession` a second one, and the call would be ambiguous.
    #[test]
    fn a_saved_session_cannot_be_printed_or_serialised_by_accident() {
        trait Guarded<const WAY: u8> {
            fn guarded() {}
        }
        impl<T> Guarded<0> for T {}
        impl<T: Debug> Guarded<1> for T {}
        impl<T: Display> Guarded<2> for T {}
        impl<T: Serialize> Guarded<3> for T {}
        <SavedSession as Guarded<_>>::guarded();
    }

    #[test]
    fn what_was_exposed_is_read_back_the_same() {
        let saved: SavedSession = serde_json::from_value(written()).unwrap();
        assert_eq!(serde_json::to_value(saved.exposed()).unwrap(), written());
        assert_eq!(saved.expires_at().seconds(), 1_700_000_000);
        let mut other = written();
        other["session"] = json!("b3RoZXI");
        assert!(saved.same_as(&saved.clone()));
        assert!(!saved.same_as(&serde_json::from_value(other).unwrap()));
    }

    #[test]
    fn what_is_no_session_is_refused_without_being_repeated() {
        let bad = [
            ("key", json!(b64::encode([0; 32]))),
            ("key", json!(b64::encode([7; 31]))),
            ("key", json!("not base64url!")),
            ("session", json!("line\nbreak")),
            ("party", json!("../clinic")),
            ("expires_at", json!("soon")),
            ("surprise", json!(1)),
        ];
        for (member, value) in bad {
            let mut other = written();
            other[member] = value;
            let refused = serde_json::from_value::<SavedSession>(other);
            let said = refused.err().expect(member).to_string();
            assert!(!said.contains(&b64::encode([7; 32])), "{said}");
        }
    }
}
