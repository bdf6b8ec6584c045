//! How bytes stand in the JSON of TPM evidence: registers in hexadecimal, as all TPM tools
//! print them, everything else in base64url. Both in one spelling only.

use serde::{Deserialize, Deserializer, Serializer, de};

/// `[hex; 16]`
pub(super) mod registers {
    use autoclave_base::Digest;

    use super::super::PCRS;
    use super::{Deserialize, Deserializer, Serializer, de};

    pub(in super::super) fn serialize<S: Serializer>(
        registers: &[Digest; PCRS],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(registers.iter().map(Digest::hex))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<[Digest; PCRS], D::Error> {
        let texts = <[String; PCRS]>::deserialize(from)?;
        let mut registers = [Digest::from_bytes([0; 32]); PCRS];
        for (register, text) in registers.iter_mut().zip(texts) {
            *register = format!("sha256:{text}").parse().map_err(de::Error::custom)?;
        }
        Ok(registers)
    }
}

/// `[base64url]`
pub(super) mod list {
    use autoclave_base::b64;

    use super::{Deserialize, Deserializer, Serializer, de};

    pub(in super::super) fn serialize<S: Serializer>(
        list: &[Vec<u8>],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(list.iter().map(b64::encode))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<Vec<u8>>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        texts.iter().map(|text| b64::decode(text).map_err(de::Error::custom)).collect()
    }
}
