//! Media types as `DICOMweb` negotiates them (PS3.18, section 8.7). Nobody's: pure. Types are
//! compared without case, parameters that nobody asked about are kept for who does.

/// A media type, or a range of them, with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Media {
    /// As in `multipart/related`, `image/*` or `*/*`, in lower case.
    pub name: String,
    /// The `type` parameter of `multipart/related`.
    pub inner: Option<String>,
    /// The `transfer-syntax` parameter; `*` for whatever it is.
    pub transfer_syntax: Option<String>,
    /// The `boundary` parameter.
    pub boundary: Option<String>,
    quality: f32,
}

/// Most ranges that a request may name.
const RANGES_MAX: usize = 64;

impl Media {
    /// Reads one media type with its parameters; `None` where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut pieces = split(text, ';').into_iter();
        let name = pieces.next()?.trim().to_ascii_lowercase();
        name.split_once('/').filter(|(one, other)| !one.is_empty() && !other.is_empty())?;
        let mut media =
            Self { name, inner: None, transfer_syntax: None, boundary: None, quality: 1.0 };
        for piece in pieces {
            let Some((key, value)) = piece.split_once('=') else { continue };
            let value = value.trim().trim_matches('"').to_owned();
            match key.trim().to_ascii_lowercase().as_str() {
                "type" => media.inner = Some(value.to_ascii_lowercase()),
                "transfer-syntax" => media.transfer_syntax = Some(value),
                "boundary" => media.boundary = Some(value),
                "q" => media.quality = value.parse().unwrap_or(0.0),
                _ => {}
            }
        }
        Some(media)
    }

    /// The ranges of an `Accept` header, the dearest first; what cannot be read is left out.
    pub fn ranges(accept: &str) -> Vec<Self> {
        let ranges = split(accept, ',').into_iter().take(RANGES_MAX);
        let mut ranges: Vec<_> = ranges.filter_map(Self::parse).collect();
        ranges.retain(|range| range.quality > 0.0);
        ranges.sort_by(|one, other| other.quality.total_cmp(&one.quality));
        ranges
    }

    /// Whether this range means a type.
    pub fn means(&self, name: &str) -> bool {
        range_means(&self.name, name)
    }

    /// Whether this range means parts of a type, in `multipart/related`.
    pub fn means_parts_of(&self, name: &str) -> bool {
        match (self.name.as_str(), &self.inner) {
            ("*/*" | "multipart/*", _) | ("multipart/related", None) => true,
            ("multipart/related", Some(inner)) => range_means(inner, name),
            _ => false,
        }
    }

    /// Whether what is written in this transfer syntax may be sent; `default` is what a range
    /// without the parameter asks for, where that is anything certain.
    pub fn takes_syntax(&self, stored: &str) -> bool {
        self.transfer_syntax.as_deref().is_none_or(|asked| asked == "*" || asked == stored)
    }
}

fn range_means(range: &str, name: &str) -> bool {
    range == "*/*"
        || range == name
        || range
            .strip_suffix("/*")
            .is_some_and(|kind| name.split_once('/').is_some_and(|(own, _)| own == kind))
}

/// Splits at a separator outside of quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut quoted = false;
    text.split(move |letter| {
        if letter == '"' {
            quoted = !quoted;
        }
        letter == separator && !quoted
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_in_the_order_of_their_weight() {
        let accept = r#"image/jpeg;q=0.5, multipart/related; type="application/dicom"; transfer-syntax=*, */*;q=0"#;
        let ranges = Media::ranges(accept);
        assert_eq!(ranges.len(), 2);
        assert!(ranges[0].means_parts_of("application/dicom"));
        assert!(!ranges[0].means_parts_of("image/jpeg"));
        assert!(ranges[0].takes_syntax("1.2.840.10008.1.2.1"));
        assert!(ranges[1].means("image/jpeg") && !ranges[1].means("image/png"));
    }

    #[test]
    fn quotes_keep_separators_and_wildcards_mean_families() {
        let media = Media::parse("Multipart/Related; boundary=\"a;b,c\"; TYPE=image/*").unwrap();
        assert_eq!(media.boundary.as_deref(), Some("a;b,c"));
        assert!(media.means_parts_of("image/jpeg"));
        assert!(!media.means_parts_of("application/dicom"));
        for wrong in ["", "multipart", "/", "a/"] {
            assert_eq!(Media::parse(wrong), None, "{wrong}");
        }
    }
}
