//! Which images are taken in, told by their first bytes and not by their name. The
//! clinic's. Nothing here decodes an image: that is for the diagnosis enclave.

use autoclave_cell::Refusal;
use http::StatusCode;

/// A kind of image that diagnosis takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageType {
    /// `image/png`
    Png,
    /// `image/webp`
    Webp,
    /// `image/tiff`
    Tiff,
    /// `application/dicom`
    Dicom,
}

const EMPTY: Refusal = Refusal::bad_request("image.empty", "The image is empty.");
const UNSUPPORTED: Refusal = Refusal::new(
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    "image.type_unsupported",
    "The image is neither PNG, WebP, TIFF nor DICOM.",
);
const MISMATCH: Refusal = Refusal::new(
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    "image.type_mismatch",
    "The image is not of the type that its name says.",
);

impl ImageType {
    const ALL: [Self; 4] = [Self::Png, Self::Webp, Self::Tiff, Self::Dicom];

    /// The media type.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Tiff => "image/tiff",
            Self::Dicom => "application/dicom",
        }
    }

    /// From a media type without parameters.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What `bytes` are. `declared`, where it is one of our types, must agree; a general
    /// `application/octet-stream` or nothing declares nothing.
    pub(crate) fn of(bytes: &[u8], declared: Option<&str>) -> Result<Self, Refusal> {
        if bytes.is_empty() {
            return Err(EMPTY);
        }
        let found = Self::sniff(bytes).ok_or(UNSUPPORTED)?;
        match declared {
            None | Some("application/octet-stream") => Ok(found),
            Some(name) if Self::parse(name) == Some(found) => Ok(found),
            Some(_) => Err(MISMATCH),
        }
    }

    fn sniff(bytes: &[u8]) -> Option<Self> {
        let at = |from: usize, magic: &[u8]| bytes.get(from..from + magic.len()) == Some(magic);
        if at(0, b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if at(0, b"RIFF") && at(8, b"WEBP") {
            Some(Self::Webp)
        } else if at(128, b"DICM") {
            Some(Self::Dicom)
        } else if [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"].iter().any(|magic| at(0, *magic)) {
            Some(Self::Tiff)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dicom() -> Vec<u8> {
        [vec![0; 128], b"DICM".to_vec()].concat()
    }

    #[test]
    fn first_bytes_decide() {
        let cases: [(&[u8], _); 5] = [
            (b"\x89PNG\r\n\x1a\n....", ImageType::Png),
            (b"RIFF\x10\0\0\0WEBPVP8 ", ImageType::Webp),
            (b"II*\0....", ImageType::Tiff),
            (b"MM\0*....", ImageType::Tiff),
            (&dicom(), ImageType::Dicom),
        ];
        for (bytes, kind) in cases {
            assert_eq!(ImageType::of(bytes, None), Ok(kind));
            assert_eq!(ImageType::of(bytes, Some(kind.name())), Ok(kind));
            assert_eq!(ImageType::of(bytes, Some("application/octet-stream")), Ok(kind));
            assert_eq!(ImageType::parse(kind.name()), Some(kind));
        }
    }

    #[test]
    fn other_bytes_have_stable_codes() {
        let code =
            |bytes: &[u8], declared| ImageType::of(bytes, declared).unwrap_err().code().to_owned();
        assert_eq!(code(b"", Some("image/png")), "image.empty");
        assert_eq!(code(b"GIF89a", Some("image/png")), "image.type_unsupported");
        assert_eq!(code(b"\x89PNG", None), "image.type_unsupported");
        assert_eq!(code(&dicom(), Some("image/png")), "image.type_mismatch");
        assert_eq!(code(&dicom(), Some("image/jpeg")), "image.type_mismatch");
    }
}
