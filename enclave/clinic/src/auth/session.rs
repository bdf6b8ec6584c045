//! Sessions: a random token that counts only together with the client key that it was
//! given to. The hospital's. The store keeps a digest, so that its reader cannot use one.

use autoclave_base::{Digest, UnixTime, b64};
use rand::CryptoRng;

/// Longest session: one shift.
pub(crate) const SESSION_SECONDS: u64 = 8 * 3600;
/// Longest pause in a session: an unattended screen in a busy corridor.
pub(crate) const IDLE_SECONDS_MAX: u64 = 30 * 60;
/// Use is noted at most this often: a write for each click would serve nobody.
pub(crate) const TOUCH_SECONDS_MIN: u64 = 60;
/// Bytes of a token.
const TOKEN_BYTES: usize = 32;

/// A session's token as the client holds it.
pub(crate) struct SessionToken(String);

impl SessionToken {
    /// A new token.
    pub(crate) fn random(rng: &mut impl CryptoRng) -> Self {
        let mut token = [0; TOKEN_BYTES];
        rng.fill_bytes(&mut token);
        Self(b64::encode(token))
    }

    /// From the header `authorization: DPoP <token>`; the scheme in any case (RFC 9110).
    pub(crate) fn from_header(header: &str) -> Option<Self> {
        let (scheme, token) = header.split_once(' ')?;
        let ours =
            scheme.eq_ignore_ascii_case("dpop") && b64::decode_array::<TOKEN_BYTES>(token).is_ok();
        ours.then(|| Self(token.to_owned()))
    }

    /// The token, to answer it to the client or to verify its proof.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// What the store keeps.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of_parts(&[b"clinic session v1", self.0.as_bytes()])
    }
}

/// Whether a session still counts, and whether its use is to be noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    Fresh,
    Touch,
    Over,
}

/// The age of a session that ends at `expires_at` and was used at `used_at`.
pub(crate) fn age(expires_at: UnixTime, used_at: UnixTime, now: UnixTime) -> Age {
    let idle = now.since(used_at);
    if now >= expires_at || idle > IDLE_SECONDS_MAX {
        Age::Over
    } else if idle >= TOUCH_SECONDS_MIN {
        Age::Touch
    } else {
        Age::Fresh
    }
}

#[cfg(test)]
mod tests {
    use autoclave_cell::Entropy;

    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);

    #[test]
    fn a_header_is_read_back_and_nothing_else() {
        let token = SessionToken::random(&mut Entropy);
        let read = SessionToken::from_header(&format!("dpop {}", token.expose())).unwrap();
        assert_eq!(read.digest(), token.digest());
        let bearer = format!("Bearer {}", token.expose());
        for bad in ["", "DPoP", "DPoP ", "DPoP abc", bearer.as_str()] {
            assert!(SessionToken::from_header(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn tokens_differ() {
        let token = || SessionToken::random(&mut Entropy).digest();
        assert_ne!(token(), token());
    }

    #[test]
    fn a_session_ends_by_age_and_by_idleness() {
        let end = NOW.plus(SESSION_SECONDS);
        assert_eq!(age(end, NOW, NOW), Age::Fresh);
        assert_eq!(age(end, NOW, NOW.plus(60)), Age::Touch);
        assert_eq!(age(end, NOW, NOW.plus(IDLE_SECONDS_MAX)), Age::Touch);
        assert_eq!(age(end, NOW, NOW.plus(IDLE_SECONDS_MAX + 1)), Age::Over);
        assert_eq!(age(end, end.minus(1), end), Age::Over);
    }
}
