//! Tensor data in JSON: numbers, flat or nested by dimension, read straight into f32.
//! It belongs to the wire format of inference requests.
//! No tree of JSON values is ever built of a tensor.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};

use crate::tensor::{TENSOR_ELEMENTS_MAX, TENSOR_RANK_MAX};

/// The numbers of a (nested) array in the order they stand there.
pub(super) struct Flat(pub(super) Vec<f32>);

impl<'de> serde::Deserialize<'de> for Flat {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut numbers = Vec::new();
        from.deserialize_seq(Level { numbers: &mut numbers, depth: 0 })?;
        Ok(Self(numbers))
    }
}

struct Level<'a> {
    numbers: &'a mut Vec<f32>,
    depth: usize,
}

impl Level<'_> {
    fn push<E: Error>(self, number: f32) -> Result<(), E> {
        if self.numbers.len() >= TENSOR_ELEMENTS_MAX {
            return Err(E::custom("too many numbers"));
        }
        self.numbers.push(number);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Level<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the wire's FP32 is rounded to nearest"
)]
impl<'de> Visitor<'de> for Level<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("numbers, flat or nested by dimension")
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.push(number as f32)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.push(number as f32)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.push(number as f32)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if self.depth >= TENSOR_RANK_MAX {
            return Err(A::Error::custom("nested too deep"));
        }
        let depth = self.depth + 1;
        while items.next_element_seed(Level { numbers: self.numbers, depth })?.is_some() {}
        Ok(())
    }
}
