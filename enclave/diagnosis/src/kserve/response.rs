//! An inference response: JSON, and behind it the binary tensors it announces.
//! It belongs to the caller who asked.
//! No output is answered that was not asked for.

use serde::Serialize;

use super::{FP32, ModelLabel, WantedOutput, WireRefusal};
use crate::tensor::Tensor;

/// A body and how to read it.
#[derive(Clone, PartialEq, Eq)]
pub struct InferResponse {
    /// JSON, then binary tensors.
    pub body: Vec<u8>,
    /// Length of the JSON, where binary tensors follow it.
    pub json_bytes: Option<usize>,
}

impl InferResponse {
    /// `Content-Type` of the body.
    pub const fn content_type(&self) -> &'static str {
        if self.json_bytes.is_some() { "application/octet-stream" } else { "application/json" }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    model_name: &'a str,
    model_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    outputs: Vec<Output<'a>>,
}

#[derive(Serialize)]
struct Output<'a> {
    name: &'a str,
    shape: &'a [usize],
    datatype: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Parameters>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a [f32]>,
}

#[derive(Serialize)]
struct Parameters {
    binary_data_size: usize,
}

/// Writes the wanted outputs in the order they were asked for.
pub fn encode(
    model: &ModelLabel,
    id: Option<&str>,
    wanted: &[WantedOutput],
    results: &[Tensor],
) -> Result<InferResponse, WireRefusal> {
    let find = |output: &WantedOutput| {
        let tensor = results.iter().find(|tensor| tensor.name() == output.name);
        tensor.map(|tensor| (output.binary, tensor)).ok_or(WireRefusal::Output)
    };
    let chosen = wanted.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    let outputs = chosen.iter().map(|&(binary, tensor)| Output::of(binary, tensor)).collect();
    let json = Body { model_name: model.name.as_str(), model_version: &model.version, id, outputs };
    let mut body = serde_json::to_vec(&json).map_err(|_| WireRefusal::Json)?;
    let json_bytes = chosen.iter().any(|(binary, _)| *binary).then_some(body.len());
    for (_, tensor) in chosen.iter().filter(|(binary, _)| *binary) {
        body.extend(tensor.data().iter().flat_map(|value| value.to_le_bytes()));
    }
    Ok(InferResponse { body, json_bytes })
}

impl<'a> Output<'a> {
    fn of(binary: bool, tensor: &'a Tensor) -> Self {
        let binary_data_size = size_of_val(tensor.data());
        Self {
            name: tensor.name(),
            shape: tensor.shape(),
            datatype: FP32,
            parameters: binary.then_some(Parameters { binary_data_size }),
            data: (!binary).then_some(tensor.data()),
        }
    }
}
