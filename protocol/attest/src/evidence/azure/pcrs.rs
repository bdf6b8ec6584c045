//! How registers stand in the JSON of a vTPM's evidence: in hexadecimal, as all TPM tools
//! print them. All of them, in one spelling only.

use autoclave_base::Digest;
use serde::{Deserialize, Deserializer, Serializer, de};

use super::PCRS;

pub(super) fn serialize<S: Serializer>(
    registers: &[Digest; PCRS],
    to: S,
) -> Result<S::Ok, S::Error> {
    to.collect_seq(registers.iter().map(Digest::hex))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[Digest; PCRS], D::Error> {
    let texts = <[String; PCRS]>::deserialize(from)?;
    let mut registers = [Digest::from_bytes([0; 32]); PCRS];
    for (register, text) in registers.iter_mut().zip(texts) {
        *register = format!("sha256:{text}").parse().map_err(de::Error::custom)?;
    }
    Ok(registers)
}
