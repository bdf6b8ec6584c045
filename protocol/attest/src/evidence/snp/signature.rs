//! The signature of a report: ECDSA on P-384 with SHA-384, its two numbers little-endian in
//! 72 bytes each (AMD 56860, table "Signature Format"). The firmware's form; ring checks it.
//! What pads the numbers must be zero.

use ring::signature::{ECDSA_P384_SHA384_FIXED, UnparsedPublicKey};

/// Bytes of the field that holds a signature.
pub const SIGNATURE_BYTES: usize = 512;
/// Bytes of a number of P-384, and of the place that it has.
const SCALAR_BYTES: usize = 48;
const PLACE_BYTES: usize = 72;

/// Whether the key of this point (P-384, uncompressed) signed `message` so.
pub fn is_signed(message: &[u8], signature: &[u8; SIGNATURE_BYTES], point: &[u8]) -> bool {
    if !is_padded(signature) {
        return false;
    }
    let mut big_endian = [0; 2 * SCALAR_BYTES];
    for (to, from) in [(0, 0), (SCALAR_BYTES, PLACE_BYTES)] {
        let scalar = &mut big_endian[to..to + SCALAR_BYTES];
        scalar.copy_from_slice(&signature[from..from + SCALAR_BYTES]);
        scalar.reverse();
    }
    let key = UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point);
    key.verify(message, &big_endian).is_ok()
}

/// Whether nothing but the two numbers is there.
pub(super) fn is_padded(signature: &[u8; SIGNATURE_BYTES]) -> bool {
    let padding = [SCALAR_BYTES..PLACE_BYTES, PLACE_BYTES + SCALAR_BYTES..SIGNATURE_BYTES];
    padding.into_iter().all(|range| signature[range].iter().all(|byte| *byte == 0))
}
