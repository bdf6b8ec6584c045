//! What a model takes and gives, and the check that a request matches it.
//! It is read from the model itself when that is loaded.
//! A request that does not match never reaches the engine.

use thiserror::Error;

use crate::tensor::TensorView;

/// One input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// Its name in the model.
    pub name: String,
    /// Its dimensions; `None` is free (the batch, usually).
    pub shape: Vec<Option<usize>>,
}

/// All inputs and outputs of a model, each an f32 tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IoSpec {
    /// In the model's order.
    pub inputs: Vec<TensorSpec>,
    /// In the model's order.
    pub outputs: Vec<TensorSpec>,
}

/// Why tensors are not a model's inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SpecRefusal {
    /// A tensor that the model does not know, or one given twice.
    #[error("the model has no such input, or it was given twice")]
    Name,
    /// An input of the model is not there.
    #[error("an input of the model is missing")]
    Missing,
    /// A tensor's shape is not the model's.
    #[error("an input does not have the shape that the model takes")]
    Shape,
}

impl SpecRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Name => "tensor.name",
            Self::Missing => "tensor.missing",
            Self::Shape => "tensor.shape",
        }
    }
}

impl IoSpec {
    /// Whether `inputs` are exactly the model's inputs, in any order.
    pub fn admit(&self, inputs: &[TensorView<'_>]) -> Result<(), SpecRefusal> {
        for (position, given) in inputs.iter().enumerate() {
            let spec = find(&self.inputs, given.name).ok_or(SpecRefusal::Name)?;
            if inputs[..position].iter().any(|earlier| earlier.name == given.name) {
                return Err(SpecRefusal::Name);
            }
            if !spec.takes(given.shape) {
                return Err(SpecRefusal::Shape);
            }
        }
        if inputs.len() == self.inputs.len() { Ok(()) } else { Err(SpecRefusal::Missing) }
    }

    /// Whether the model gives an output of this name.
    pub fn has_output(&self, name: &str) -> bool {
        find(&self.outputs, name).is_some()
    }
}

impl TensorSpec {
    /// Whether a tensor of `shape` fits.
    pub fn takes(&self, shape: &[usize]) -> bool {
        self.shape.len() == shape.len()
            && self
                .shape
                .iter()
                .zip(shape)
                .all(|(wanted, given)| wanted.is_none_or(|side| side == *given))
    }
}

fn find<'a>(specs: &'a [TensorSpec], name: &str) -> Option<&'a TensorSpec> {
    specs.iter().find(|spec| spec.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> IoSpec {
        let named = |name: &str, shape: &[Option<usize>]| TensorSpec {
            name: name.into(),
            shape: shape.to_vec(),
        };
        IoSpec {
            inputs: vec![named("a", &[None, Some(2)]), named("b", &[Some(1)])],
            outputs: vec![named("y", &[None])],
        }
    }

    fn view<'a>(name: &'a str, shape: &'a [usize]) -> TensorView<'a> {
        TensorView { name, shape, data: &[] }
    }

    #[test]
    fn the_models_inputs_are_admitted_in_any_order_and_batch() {
        assert_eq!(spec().admit(&[view("b", &[1]), view("a", &[7, 2])]), Ok(()));
        assert!(spec().has_output("y") && !spec().has_output("a"));
    }

    #[test]
    fn unknown_doubled_and_missing_names_are_refused() {
        let (a, b, c) = (view("a", &[1, 2]), view("b", &[1]), view("c", &[1]));
        assert_eq!(spec().admit(&[a, c]), Err(SpecRefusal::Name));
        assert_eq!(spec().admit(&[a, a]), Err(SpecRefusal::Name));
        assert_eq!(spec().admit(&[a]), Err(SpecRefusal::Missing));
        assert_eq!(spec().admit(&[]), Err(SpecRefusal::Missing));
        assert_eq!(spec().admit(&[a, b]), Ok(()));
    }

    #[test]
    fn other_shapes_are_refused() {
        for shape in [&[1, 3][..], &[2], &[1, 2, 1], &[]] {
            assert_eq!(
                spec().admit(&[view("a", shape), view("b", &[1])]),
                Err(SpecRefusal::Shape),
                "{shape:?}"
            );
        }
    }
}
