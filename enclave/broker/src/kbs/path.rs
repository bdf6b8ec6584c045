//! A resource's name: repository, type and tag. The protocol's. No segment leaves its
//! place, and none is longer than the store's names allow.

use std::fmt;

use autoclave_base::LogSafe;

/// Longest segment: three of them and an institution fit into the name of a record.
const SEGMENT_BYTES_MAX: usize = 56;

/// `repository/type/tag`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResourcePath {
    repository: String,
    class: String,
    tag: String,
}

impl ResourcePath {
    /// From the three segments of a request.
    pub(crate) fn new(repository: &str, class: &str, tag: &str) -> Option<Self> {
        let all = [repository, class, tag];
        let [repository, class, tag] = all.map(str::to_owned);
        all.into_iter().all(is_segment).then_some(Self { repository, class, tag })
    }

    pub(crate) fn repository(&self) -> &str {
        &self.repository
    }

    pub(crate) fn class(&self) -> &str {
        &self.class
    }

    pub(crate) fn tag(&self) -> &str {
        &self.tag
    }
}

impl fmt::Display for ResourcePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.repository, self.class, self.tag)
    }
}

/// Names that administrators choose, like those of keys.
impl LogSafe for ResourcePath {}

/// `[A-Za-z0-9_-]+[A-Za-z0-9_.-]*`, as Trustee has it, and not too long.
pub(super) fn is_segment(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (1..=SEGMENT_BYTES_MAX).contains(&text.len())
        && !text.starts_with('.')
        && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_stay_where_they_are() {
        for good in ["default", "Key_1", "a.b", "-", "1.0.0"] {
            assert!(ResourcePath::new(good, "key", "1").is_some(), "{good}");
        }
        let long = "a".repeat(SEGMENT_BYTES_MAX + 1);
        for bad in ["", ".", "..", ".a", "a/b", "a b", "ä", "a#b", &long] {
            assert!(ResourcePath::new("default", bad, "1").is_none(), "{bad}");
        }
    }
}
