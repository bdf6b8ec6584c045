//! Certificates as files: DER, or PEM around it.
//! They belong to whoever made them; the command line only carries them.
//! Nothing here checks one.

use std::path::Path;

use p256::pkcs8::der::pem;

use crate::failure::{Failure, Outcome};
use crate::files;

/// A certificate's DER.
pub fn read(path: &Path) -> Outcome<Vec<u8>> {
    let bytes = files::read(path)?;
    if !bytes.starts_with(b"-----BEGIN") {
        return Ok(bytes);
    }
    let (label, der) = pem::decode_vec(&bytes).map_err(|error| Failure::malformed(path, error))?;
    if label == "CERTIFICATE" { Ok(der) } else { Err(Failure::malformed(path, "no certificate")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_read_in_both_forms() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("certificate");
        let pem = |label: &str| format!("-----BEGIN {label}-----\nMAA=\n-----END {label}-----\n");
        std::fs::write(&path, pem("CERTIFICATE")).unwrap();
        assert_eq!(read(&path).unwrap(), [0x30, 0]);
        std::fs::write(&path, [0x30, 0]).unwrap();
        assert_eq!(read(&path).unwrap(), [0x30, 0]);
        std::fs::write(&path, pem("PRIVATE KEY")).unwrap();
        assert_eq!(read(&path).unwrap_err().code(), "file.malformed");
    }
}
