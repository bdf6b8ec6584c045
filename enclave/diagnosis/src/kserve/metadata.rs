//! What the server and its models say of themselves.
//! Public among attested callers.
//! No path, key name or configuration stands here.

use serde::Serialize;

use super::{FP32, ModelLabel};
use crate::engine::{IoSpec, TensorSpec};

/// `GET /v2`
#[derive(Debug, Serialize)]
pub struct ServerMetadata {
    name: &'static str,
    version: &'static str,
    extensions: [&'static str; 1],
}

/// `GET /v2/models/{model}`
#[derive(Debug, Serialize)]
pub struct ModelMetadata {
    name: String,
    versions: [String; 1],
    platform: String,
    inputs: Vec<TensorMetadata>,
    outputs: Vec<TensorMetadata>,
}

/// One input or output.
#[derive(Debug, Serialize)]
pub struct TensorMetadata {
    name: String,
    datatype: &'static str,
    /// -1 where the dimension is free.
    shape: Vec<i64>,
}

/// The server.
pub const fn server_metadata() -> ServerMetadata {
    ServerMetadata {
        name: "autoclave-diagnosis",
        version: env!("CARGO_PKG_VERSION"),
        extensions: ["binary_tensor_data"],
    }
}

/// A model; `engine` is the label of what runs it.
pub fn model_metadata(model: &ModelLabel, engine: &str, spec: &IoSpec) -> ModelMetadata {
    ModelMetadata {
        name: model.name.to_string(),
        versions: [model.version.clone()],
        platform: format!("onnx ({engine})"),
        inputs: spec.inputs.iter().map(tensor).collect(),
        outputs: spec.outputs.iter().map(tensor).collect(),
    }
}

fn tensor(spec: &TensorSpec) -> TensorMetadata {
    let side = |side: &Option<usize>| side.and_then(|side| i64::try_from(side).ok()).unwrap_or(-1);
    TensorMetadata {
        name: spec.name.clone(),
        datatype: FP32,
        shape: spec.shape.iter().map(side).collect(),
    }
}
