//! A first pass over a DICOM data set, token by token, before it is built in memory.
//! It belongs to the intake of the diagnosis enclave.
//! No object passes whose nesting would exhaust a stack, or whose lengths are longer
//! than the file.

use dicom_encoding::TransferSyntaxIndex;
use dicom_parser::dataset::{DataToken, read::DataSetReader};
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use crate::intake::ImageRefusal;

/// Sequences within sequences. Structured reports nest deeper; images do not.
const NESTING_MAX: usize = 16;
/// Elements, items and fragments of one object; an image has a few hundred.
const TOKENS_MAX: usize = 200_000;

/// The transfer syntaxes that are taken (PS3.6, A). The deflated ones are not: their
/// expanded size is not known before they are expanded.
const TRANSFER_SYNTAXES: [&str; 8] = [
    "1.2.840.10008.1.2",      // implicit VR, little endian
    "1.2.840.10008.1.2.1",    // explicit VR, little endian
    "1.2.840.10008.1.2.2",    // explicit VR, big endian
    "1.2.840.10008.1.2.4.50", // JPEG baseline
    "1.2.840.10008.1.2.4.51", // JPEG extended
    "1.2.840.10008.1.2.4.57", // JPEG lossless
    "1.2.840.10008.1.2.4.70", // JPEG lossless, first-order prediction
    "1.2.840.10008.1.2.5",    // run-length encoding
];

/// Walks `data_set`, which follows the file's meta group.
pub(super) fn check(transfer_syntax: &str, data_set: &[u8]) -> Result<(), ImageRefusal> {
    if !TRANSFER_SYNTAXES.contains(&transfer_syntax) {
        return Err(ImageRefusal::FormUnsupported);
    }
    let syntax =
        TransferSyntaxRegistry.get(transfer_syntax).ok_or(ImageRefusal::FormUnsupported)?;
    let tokens =
        DataSetReader::new_with_ts(data_set, syntax).map_err(|_| ImageRefusal::Undecodable)?;
    let mut depth = 0_usize;
    for (count, token) in tokens.enumerate() {
        let token = token.map_err(|_| ImageRefusal::Undecodable)?;
        match token {
            DataToken::SequenceStart { .. } | DataToken::PixelSequenceStart => depth += 1,
            DataToken::SequenceEnd => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > NESTING_MAX || count > TOKENS_MAX || !fits(&token, data_set.len()) {
            return Err(ImageRefusal::Undecodable);
        }
    }
    Ok(())
}

/// Whether the length that the token announces can be in the file.
fn fits(token: &DataToken, available: usize) -> bool {
    let length = match token {
        DataToken::ElementHeader(header) => header.len,
        DataToken::SequenceStart { len, .. } | DataToken::ItemStart { len } => *len,
        _ => return true,
    };
    length.get().is_none_or(|bytes| bytes as usize <= available)
}
