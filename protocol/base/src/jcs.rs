//! Canonical JSON (JCS, RFC 8785): one spelling for each value, so that it can be
//! hashed and signed.

use serde::Serialize;

use crate::Digest;

/// The value has no canonical form (a number that is not finite, a key that is no text).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value has no canonical JSON form")]
pub struct JcsError;

/// The canonical bytes of `value`.
pub fn to_vec(value: &impl Serialize) -> Result<Vec<u8>, JcsError> {
    serde_json_canonicalizer::to_vec(value).map_err(|_| JcsError)
}

/// The digest of the canonical bytes of `value`.
pub fn digest(value: &impl Serialize) -> Result<Digest, JcsError> {
    to_vec(value).map(Digest::of)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    #[test]
    fn members_are_sorted_and_numbers_have_one_spelling() {
        let value: Value = serde_json::from_str(r#"{"b":1.0,"a":[1e2,"€"]}"#).unwrap();
        assert_eq!(super::to_vec(&value).unwrap(), r#"{"a":[100,"€"],"b":1}"#.as_bytes());
        assert_eq!(super::digest(&value), super::digest(&json!({"a": [100, "€"], "b": 1})));
    }
}
