//! Tensors that are safe to run: the length fits the shape, and every value is finite.
//! Both wire formats and every preprocessing end here, whoever sent the data.
//! No engine ever sees a tensor that this file has not made.

use thiserror::Error;

/// Elements of one tensor (64 MiB of f32): some eighty slices of 3×256×256.
pub const TENSOR_ELEMENTS_MAX: usize = 16 << 20;
/// Dimensions of one tensor; ONNX image models use four or five.
pub const TENSOR_RANK_MAX: usize = 8;

/// Why an array of numbers is not a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TensorRefusal {
    /// A dimension is zero, or there are too many of them.
    #[error("the shape has a zero dimension or too many dimensions")]
    Shape,
    /// More elements than [`TENSOR_ELEMENTS_MAX`].
    #[error("the tensor has too many elements")]
    TooLarge,
    /// The data does not fill the shape exactly.
    #[error("the data does not have the length that the shape says")]
    Length,
    /// A NaN or an infinity.
    #[error("the tensor holds a value that is not finite")]
    NotFinite,
}

impl TensorRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Shape => "tensor.shape",
            Self::TooLarge => "tensor.too_large",
            Self::Length => "tensor.length",
            Self::NotFinite => "tensor.not_finite",
        }
    }
}

/// A named f32 tensor in row-major order; finite throughout.
///
/// It may be made of a patient's image, so it can neither be printed nor serialised.
#[derive(Clone, PartialEq)]
pub struct Tensor {
    name: String,
    shape: Vec<usize>,
    data: Vec<f32>,
}

/// A borrowed [`Tensor`].
#[derive(Clone, Copy)]
pub struct TensorView<'a> {
    /// The name that the model gives it.
    pub name: &'a str,
    /// Its dimensions, none of them zero.
    pub shape: &'a [usize],
    /// Its values in row-major order, all finite.
    pub data: &'a [f32],
}

impl Tensor {
    /// Checks shape, length and values.
    pub fn new(
        name: impl Into<String>,
        shape: Vec<usize>,
        data: Vec<f32>,
    ) -> Result<Self, TensorRefusal> {
        if elements(&shape)? != data.len() {
            return Err(TensorRefusal::Length);
        }
        if !data.iter().all(|value| value.is_finite()) {
            return Err(TensorRefusal::NotFinite);
        }
        Ok(Self { name: name.into(), shape, data })
    }

    /// Looks at the tensor.
    pub fn view(&self) -> TensorView<'_> {
        TensorView { name: &self.name, shape: &self.shape, data: &self.data }
    }

    /// The name that the model gives it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its dimensions.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its values in row-major order.
    pub fn data(&self) -> &[f32] {
        &self.data
    }
}

/// How many elements `shape` holds, if it may be a tensor's shape at all.
pub fn elements(shape: &[usize]) -> Result<usize, TensorRefusal> {
    if shape.len() > TENSOR_RANK_MAX || shape.contains(&0) {
        return Err(TensorRefusal::Shape);
    }
    shape
        .iter()
        .try_fold(1_usize, |count, &side| count.checked_mul(side))
        .filter(|&count| count <= TENSOR_ELEMENTS_MAX)
        .ok_or(TensorRefusal::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(shape: &[usize], data: Vec<f32>) -> Option<TensorRefusal> {
        Tensor::new("x", shape.to_vec(), data).err()
    }

    #[test]
    fn a_tensor_keeps_what_it_was_given() {
        let tensor = Tensor::new("x", vec![1, 2], vec![0.5, -1.0]).ok().unwrap();
        let view = tensor.view();
        assert_eq!((view.name, view.shape, view.data), ("x", &[1, 2][..], &[0.5, -1.0][..]));
    }

    #[test]
    fn a_scalar_has_one_element() {
        assert_eq!(refusal(&[], vec![1.0]), None);
    }

    #[test]
    fn data_that_does_not_fill_the_shape_is_refused() {
        assert_eq!(refusal(&[2, 2], vec![0.0; 3]), Some(TensorRefusal::Length));
        assert_eq!(refusal(&[2, 2], vec![0.0; 5]), Some(TensorRefusal::Length));
    }

    #[test]
    fn values_that_are_not_finite_are_refused() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(refusal(&[2], vec![0.0, value]), Some(TensorRefusal::NotFinite));
        }
    }

    #[test]
    fn zero_and_too_many_dimensions_are_refused() {
        assert_eq!(refusal(&[0, 3], vec![]), Some(TensorRefusal::Shape));
        assert_eq!(refusal(&[1; TENSOR_RANK_MAX + 1], vec![1.0]), Some(TensorRefusal::Shape));
    }

    #[test]
    fn sizes_beyond_the_bound_and_beyond_arithmetic_are_refused() {
        assert_eq!(elements(&[TENSOR_ELEMENTS_MAX]), Ok(TENSOR_ELEMENTS_MAX));
        assert_eq!(elements(&[TENSOR_ELEMENTS_MAX, 2]), Err(TensorRefusal::TooLarge));
        assert_eq!(elements(&[usize::MAX, usize::MAX]), Err(TensorRefusal::TooLarge));
    }
}
