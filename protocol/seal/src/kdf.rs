//! One secret, many keys: HKDF-SHA256 (RFC 5869) under a label that names the purpose.
//! It belongs to whoever holds a root secret. No key made here says anything about another.

use autoclave_base::Secret;
use hkdf::Hkdf;
use sha2::Sha256;

/// Precedes every label, so that no other use of HKDF on the same secret can collide.
const DOMAIN: &[u8] = b"autoclave kdf v1\0";

/// The key of 32 bytes that `secret` yields for `label`, with no salt and
/// `info = "autoclave kdf v1" || 0x00 || label`. `secret` must be uniformly random and at
/// least 32 bytes long; a password is not.
pub fn derive(secret: &[u8], label: &str) -> Secret<[u8; 32]> {
    expand(None, secret, &[DOMAIN, label.as_bytes()])
}

/// HKDF-SHA256 with everything spelled out. The length asked for fits SHA-256 by its type.
#[expect(
    clippy::expect_used,
    reason = "HKDF-SHA256 yields up to 8,160 bytes, and both callers ask for at most 39"
)]
pub(crate) fn expand<const N: usize>(
    salt: Option<&[u8]>,
    secret: &[u8],
    info: &[&[u8]],
) -> Secret<[u8; N]> {
    const { assert!(N <= 8160) };
    let mut key = [0; N];
    Hkdf::<Sha256>::new(salt, secret)
        .expand_multi_info(info, &mut key)
        .expect("a length that HKDF-SHA256 can yield");
    Secret::new(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_secrets_separate_keys() {
        let key = derive(&[7; 32], "records");
        assert!(key.same_as(&derive(&[7; 32], "records")));
        assert!(!key.same_as(&derive(&[7; 32], "record")));
        assert!(!key.same_as(&derive(&[8; 32], "records")));
    }

    /// RFC 5869, appendix A.1.
    #[test]
    fn rfc_5869_test_case_1() {
        let salt: Vec<u8> = (0..13).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let key = expand::<42>(Some(&salt), &[0x0b; 22], &[&info]);
        assert_eq!(key.expose()[..4], [0x3c, 0xb2, 0x5f, 0x25]);
        assert_eq!(
            key.expose()[38..],
            [0x34, 0x00, 0x72, 0x08, 0xd5, 0xb8, 0x87, 0x18, 0x58, 0x65][6..]
        );
    }
}
