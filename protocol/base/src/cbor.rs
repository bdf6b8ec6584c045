//! CBOR (RFC 8949) of definite lengths, as attestation uses it: Nitro's documents, signed
//! reference values, requests to a security module. It belongs to no party. Nothing is
//! allocated for what is not there, and nothing follows a value unnoticed.

mod write;

#[cfg(test)]
mod tests;

/// Deepest nesting that is read: signed reference values need nine.
pub const DEPTH_MAX: usize = 16;

/// One data item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Major type 0.
    Uint(u64),
    /// Major type 1: minus one, minus this.
    Negative(u64),
    /// Major type 2.
    Bytes(Vec<u8>),
    /// Major type 3.
    Text(String),
    /// Major type 4.
    Array(Vec<Self>),
    /// Major type 5, in the order in which it was found; no key stands twice.
    Map(Vec<(Self, Self)>),
    /// Major type 6.
    Tag(u64, Box<Self>),
    /// `false` or `true`.
    Bool(bool),
    /// `null`.
    Null,
}

/// The bytes are not one CBOR item of the kinds that are read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed CBOR")]
pub struct CborError;

impl Value {
    /// Reads exactly one item: nothing may follow it.
    pub fn parse(bytes: &[u8]) -> Result<Self, CborError> {
        let mut reader = Reader { bytes };
        let value = reader.value(DEPTH_MAX)?;
        if reader.bytes.is_empty() { Ok(value) } else { Err(CborError) }
    }

    /// The number, if it is one that is not negative.
    pub const fn as_uint(&self) -> Option<u64> {
        match self {
            Self::Uint(number) => Some(*number),
            _ => None,
        }
    }

    /// The number, if it is one that fits.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Uint(number) => i64::try_from(*number).ok(),
            Self::Negative(number) => i64::try_from(*number).ok().map(|number| -1 - number),
            _ => None,
        }
    }

    /// The bytes of a byte string.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The text of a text string.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items of an array.
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The pairs of a map.
    pub fn as_map(&self) -> Option<&[(Self, Self)]> {
        match self {
            Self::Map(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// What this tag is around.
    pub fn tagged(&self, number: u64) -> Option<&Self> {
        match self {
            Self::Tag(found, inner) if *found == number => Some(inner),
            _ => None,
        }
    }

    /// A map's value under a number.
    pub fn at(&self, key: i64) -> Option<&Self> {
        self.as_map()?.iter().find(|(found, _)| found.as_int() == Some(key)).map(|(_, value)| value)
    }

    /// A map's value under a name.
    pub fn named(&self, key: &str) -> Option<&Self> {
        self.as_map()?
            .iter()
            .find(|(found, _)| found.as_text() == Some(key))
            .map(|(_, value)| value)
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Value, CborError> {
        let depth = depth.checked_sub(1).ok_or(CborError)?;
        let first = self.take(1)?[0];
        let (major, info) = (first >> 5, first & 0x1f);
        if major == 7 {
            return simple(info);
        }
        let argument = self.argument(info)?;
        match major {
            0 => Ok(Value::Uint(argument)),
            1 => Ok(Value::Negative(argument)),
            2 => Ok(Value::Bytes(self.take_long(argument)?.to_vec())),
            3 => self.text(argument),
            4 => self.array(argument, depth),
            5 => self.map(argument, depth),
            _ => Ok(Value::Tag(argument, Box::new(self.value(depth)?))),
        }
    }

    /// Indefinite lengths (31) and what is reserved (28 to 30) are refused.
    fn argument(&mut self, info: u8) -> Result<u64, CborError> {
        let length = match info {
            0..24 => return Ok(info.into()),
            24..28 => 1 << (info - 24),
            _ => return Err(CborError),
        };
        Ok(self.take(length)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn text(&mut self, length: u64) -> Result<Value, CborError> {
        let text = std::str::from_utf8(self.take_long(length)?).map_err(|_| CborError)?;
        Ok(Value::Text(text.to_owned()))
    }

    /// Each item has a byte at least, so that a length beyond the end fails in time.
    fn array(&mut self, count: u64, depth: usize) -> Result<Value, CborError> {
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(self.value(depth)?);
        }
        Ok(Value::Array(items))
    }

    fn map(&mut self, count: u64, depth: usize) -> Result<Value, CborError> {
        let mut pairs: Vec<(Value, Value)> = Vec::new();
        for _ in 0..count {
            let key = self.value(depth)?;
            if pairs.len() >= PAIRS_MAX || pairs.iter().any(|(found, _)| *found == key) {
                return Err(CborError);
            }
            pairs.push((key, self.value(depth)?));
        }
        Ok(Value::Map(pairs))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], CborError> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(CborError)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn take_long(&mut self, length: u64) -> Result<&'a [u8], CborError> {
        self.take(usize::try_from(length).map_err(|_| CborError)?)
    }
}

/// Most pairs of one map: comparing keys stays cheap.
const PAIRS_MAX: usize = 256;

const fn simple(info: u8) -> Result<Value, CborError> {
    match info {
        20 => Ok(Value::Bool(false)),
        21 => Ok(Value::Bool(true)),
        22 => Ok(Value::Null),
        _ => Err(CborError),
    }
}
