//! An inference request: JSON, and behind it the binary tensors it announces.
//! It belongs to the caller until every length in it has been checked.
//! No request is read in part: one refused tensor refuses all of it.

use serde::Deserialize;
use serde_json::Value;

use super::flat::Flat;
use super::{FP32, ID_BYTES_MAX, JSON_BYTES_MAX, TENSORS_MAX, WireRefusal};
use crate::engine::IoSpec;
use crate::tensor::{Tensor, elements};

/// A request that is well formed; its tensors are finite and fill their shapes.
pub struct InferRequest {
    id: Option<String>,
    inputs: Vec<Tensor>,
    outputs: Option<Vec<WantedOutput>>,
    binary: bool,
}

/// An output that the caller names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedOutput {
    /// The output's name.
    pub name: String,
    /// Whether its data goes into the binary part.
    pub binary: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    id: Option<String>,
    #[serde(default)]
    parameters: Parameters,
    inputs: Vec<Input>,
    outputs: Option<Vec<Output>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    name: String,
    shape: Vec<usize>,
    datatype: String,
    #[serde(default)]
    parameters: Parameters,
    data: Option<Flat>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Output {
    name: String,
    #[serde(default)]
    parameters: Parameters,
}

/// The parameters that mean something here; the protocol lets others pass unheeded.
#[derive(Default, Deserialize)]
struct Parameters {
    binary_data_size: Option<usize>,
    binary_data: Option<bool>,
    binary_data_output: Option<bool>,
    #[serde(flatten)]
    _others: serde_json::Map<String, Value>,
}

impl InferRequest {
    /// Reads a body; `header_length` is the header that divides it, as it came.
    pub fn parse(header_length: Option<&str>, body: &[u8]) -> Result<Self, WireRefusal> {
        let (json, mut binary) = divided(header_length, body)?;
        if json.len() > JSON_BYTES_MAX {
            return Err(WireRefusal::TooLarge);
        }
        let body: Body = serde_json::from_slice(json).map_err(|_| WireRefusal::Json)?;
        body.check()?;
        let inputs = body
            .inputs
            .into_iter()
            .map(|input| input.tensor(&mut binary))
            .collect::<Result<Vec<_>, _>>()?;
        if !binary.is_empty() {
            return Err(WireRefusal::BinaryLength);
        }
        let default = body.parameters.binary_data_output.unwrap_or(false);
        let wanted = |output: Output| WantedOutput {
            binary: output.parameters.binary_data.unwrap_or(default),
            name: output.name,
        };
        let outputs = body.outputs.map(|outputs| outputs.into_iter().map(wanted).collect());
        Ok(Self { id: body.id, inputs, outputs, binary: default })
    }

    /// The caller's id of the request, to be echoed.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The tensors.
    pub fn inputs(&self) -> &[Tensor] {
        &self.inputs
    }

    /// The outputs to answer: those that are named, or all of the model's.
    pub fn outputs(&self, spec: &IoSpec) -> Result<Vec<WantedOutput>, WireRefusal> {
        let Some(named) = &self.outputs else {
            let all = |name: &String| WantedOutput { name: name.clone(), binary: self.binary };
            return Ok(spec.outputs.iter().map(|output| all(&output.name)).collect());
        };
        if named.is_empty() || !named.iter().all(|output| spec.has_output(&output.name)) {
            return Err(WireRefusal::Output);
        }
        Ok(named.clone())
    }
}

fn divided<'a>(
    header_length: Option<&str>,
    body: &'a [u8],
) -> Result<(&'a [u8], &'a [u8]), WireRefusal> {
    let Some(text) = header_length else { return Ok((body, &[])) };
    let length: usize = text.parse().map_err(|_| WireRefusal::HeaderLength)?;
    body.split_at_checked(length).ok_or(WireRefusal::HeaderLength)
}

impl Body {
    fn check(&self) -> Result<(), WireRefusal> {
        let outputs = self.outputs.as_ref().map_or(0, Vec::len);
        let id = self.id.as_ref().map_or(0, String::len);
        if self.inputs.len() > TENSORS_MAX || outputs > TENSORS_MAX || id > ID_BYTES_MAX {
            return Err(WireRefusal::TooLarge);
        }
        Ok(())
    }
}

impl Input {
    /// Takes the tensor's data from the JSON, or from the front of `binary`.
    fn tensor(self, binary: &mut &[u8]) -> Result<Tensor, WireRefusal> {
        if self.datatype != FP32 {
            return Err(WireRefusal::DataType);
        }
        let data = match (self.data, self.parameters.binary_data_size) {
            (Some(Flat(numbers)), None) => numbers,
            (None, Some(bytes)) => from_binary(bytes, &self.shape, binary)?,
            _ => return Err(WireRefusal::Data),
        };
        Ok(Tensor::new(self.name, self.shape, data)?)
    }
}

/// Little-endian, row-major (binary tensor data extension).
fn from_binary(bytes: usize, shape: &[usize], binary: &mut &[u8]) -> Result<Vec<f32>, WireRefusal> {
    if elements(shape)? * size_of::<f32>() != bytes {
        return Err(WireRefusal::BinaryLength);
    }
    let (data, rest) = binary.split_at_checked(bytes).ok_or(WireRefusal::BinaryLength)?;
    *binary = rest;
    let (values, _) = data.as_chunks::<{ size_of::<f32>() }>();
    Ok(values.iter().map(|&value| f32::from_le_bytes(value)).collect())
}
