//! One-time codes: TOTP (RFC 6238), six digits, 30 seconds, one step of tolerance. The
//! hospital's, in the phones of its staff. A step that opened a session opens no second
//! one; that is the store's to keep (`begin_session`).

use autoclave_base::{Secret, UnixTime};
use rand::CryptoRng;
use totp_rs::{Algorithm, Builder, Totp};

/// RFC 4226, section 4: 160 bits are recommended.
const SECRET_BYTES: usize = 20;
/// Longest secret that an administrator may bring along.
const SECRET_BYTES_MAX: usize = 64;
/// RFC 4226, section 4: at least 128 bits.
const SECRET_BYTES_MIN: usize = 16;
/// Seconds of a step; what every authenticator app assumes.
const STEP_SECONDS: u64 = 30;
/// Digits of a code.
const CODE_DIGITS: u8 = 6;

/// The secret behind somebody's codes.
#[derive(Clone)]
pub(crate) struct OneTimeSecret(Secret<Vec<u8>>);

impl OneTimeSecret {
    /// A new secret.
    pub(crate) fn random(rng: &mut impl CryptoRng) -> Self {
        let mut secret = vec![0; SECRET_BYTES];
        rng.fill_bytes(&mut secret);
        Self(Secret::new(secret))
    }

    /// From bytes: 16 to 64.
    pub(crate) fn from_bytes(secret: Vec<u8>) -> Option<Self> {
        let fits = (SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&secret.len());
        fits.then(|| Self(Secret::new(secret)))
    }

    /// From base32, as an authenticator app shows it.
    pub(crate) fn from_base32(text: &str) -> Option<Self> {
        let secret = totp_rs::Secret::try_from_base32(text).ok()?;
        Self::from_bytes(secret.as_bytes().to_vec())
    }

    /// The bytes, to seal.
    pub(crate) fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    /// In base32, to type into an authenticator app.
    pub(crate) fn to_base32(&self) -> String {
        totp_rs::Secret::from(self.0.expose().clone()).to_base32()
    }

    /// The step that `code` belongs to, if it is this secret's code at about `now`.
    pub(crate) fn step(&self, code: &str, now: UnixTime) -> Option<u64> {
        let six_digits = code.len() == usize::from(CODE_DIGITS)
            && code.bytes().all(|byte| byte.is_ascii_digit());
        let step = self.totp().check(if six_digits { code } else { "000000" }, now.seconds());
        step.filter(|_| six_digits)
    }

    /// The code at `now`.
    #[cfg(test)]
    pub(crate) fn code(&self, now: UnixTime) -> String {
        self.totp().generate(now.seconds()).to_string()
    }

    fn totp(&self) -> Totp {
        // The length was checked when this was made; digits and step are constants.
        Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(CODE_DIGITS)
            .with_skew(1)
            .with_step_duration(STEP_SECONDS)
            .with_secret(self.0.expose().clone())
            .build_noncompliant()
    }
}

#[cfg(test)]
mod tests {
    use autoclave_cell::Entropy;

    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);

    /// RFC 6238, appendix B, SHA-1, shortened to six digits.
    #[test]
    fn rfc_6238_test_vectors() {
        let secret = OneTimeSecret::from_bytes(b"12345678901234567890".to_vec()).unwrap();
        for (time, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")]
        {
            let time = UnixTime::from_seconds(time);
            assert_eq!(secret.code(time), code);
            assert_eq!(secret.step(code, time), Some(time.seconds() / 30));
        }
    }

    #[test]
    fn one_step_of_tolerance_and_no_more() {
        let secret = OneTimeSecret::random(&mut Entropy);
        let code = secret.code(NOW);
        let step = Some(NOW.seconds() / 30);
        assert_eq!(secret.step(&code, NOW.plus(30)), step);
        assert_eq!(secret.step(&code, NOW.minus(30)), step);
        assert_eq!(secret.step(&code, NOW.plus(90)), None);
        assert_eq!(secret.step(&code, NOW.minus(90)), None);
    }

    #[test]
    fn what_is_not_six_digits_is_no_code() {
        let secret = OneTimeSecret::random(&mut Entropy);
        let code = secret.code(NOW);
        for bad in [
            "",
            "12345",
            "1234567",
            " 12345",
            "abcdef",
            &format!("{code} "),
            &format!("{} {}", &code[..3], &code[3..]),
        ] {
            assert_eq!(secret.step(bad, NOW), None, "{bad:?}");
        }
    }

    #[test]
    fn base32_survives_and_short_secrets_do_not() {
        let secret = OneTimeSecret::random(&mut Entropy);
        let again = OneTimeSecret::from_base32(&secret.to_base32()).unwrap();
        assert_eq!(again.expose(), secret.expose());
        for bad in ["", "AAAA", "1", "not base32!"] {
            assert!(OneTimeSecret::from_base32(bad).is_none(), "{bad}");
        }
    }
}
