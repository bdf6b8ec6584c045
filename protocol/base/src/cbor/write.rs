//! CBOR as it is written: shortest heads, definite lengths, maps in the order in which
//! they were made. Whoever makes a map makes it in the order that RFC 8949, section 4.2.1,
//! asks for.

use super::Value;

impl Value {
    /// The item's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write(self, &mut out);
        out
    }

    /// A number, negative or not.
    pub fn int(number: i64) -> Self {
        match u64::try_from(number) {
            Ok(number) => Self::Uint(number),
            Err(_) => Self::Negative((-1 - number).unsigned_abs()),
        }
    }

    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A byte string.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Bytes(bytes.into())
    }

    /// A map under numbers.
    pub fn map<const N: usize>(pairs: [(i64, Self); N]) -> Self {
        Self::Map(pairs.into_iter().map(|(key, value)| (Self::int(key), value)).collect())
    }

    /// A tagged item.
    pub fn tag(number: u64, inner: Self) -> Self {
        Self::Tag(number, Box::new(inner))
    }
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Uint(number) => head(0, *number, out),
        Value::Negative(number) => head(1, *number, out),
        Value::Bytes(bytes) => {
            head(2, bytes.len() as u64, out);
            out.extend(bytes);
        }
        Value::Text(text) => {
            head(3, text.len() as u64, out);
            out.extend(text.as_bytes());
        }
        Value::Array(items) => {
            head(4, items.len() as u64, out);
            for item in items {
                write(item, out);
            }
        }
        Value::Map(pairs) => {
            head(5, pairs.len() as u64, out);
            for (key, value) in pairs {
                write(key, out);
                write(value, out);
            }
        }
        Value::Tag(number, inner) => {
            head(6, *number, out);
            write(inner, out);
        }
        Value::Bool(false) => out.push(0xf4),
        Value::Bool(true) => out.push(0xf5),
        Value::Null => out.push(0xf6),
    }
}

fn head(major: u8, argument: u64, out: &mut Vec<u8>) {
    let (info, bytes) = match argument {
        0..24 => (argument.to_be_bytes()[7], 0),
        24..0x100 => (24, 1),
        0x100..0x1_0000 => (25, 2),
        0x1_0000..0x1_0000_0000 => (26, 4),
        _ => (27, 8),
    };
    out.push(major << 5 | info);
    out.extend(&argument.to_be_bytes()[8 - bytes..]);
}
