//! Open Inference Protocol v2 over REST, with the binary tensor extension.
//! What existing `KServe` and Triton clients speak to the diagnosis enclave.
//! Nothing here runs a model or knows who asks: bytes in, tensors out, and back.

mod flat;
mod metadata;
mod request;
mod response;

use autoclave_base::ids::ModelName;
use thiserror::Error;

pub use self::metadata::{
    ModelMetadata, ServerMetadata, TensorMetadata, model_metadata, server_metadata,
};
pub use self::request::{InferRequest, WantedOutput};
pub use self::response::{InferResponse, encode};
use crate::tensor::TensorRefusal;

/// Where the JSON of a body ends and its binary tensors begin, in bytes.
pub const HEADER_LENGTH: &str = "inference-header-content-length";
/// The JSON part of a request. Tensors of this size belong into the binary part.
pub const JSON_BYTES_MAX: usize = 64 << 20;
/// Inputs or outputs that one request may name.
pub const TENSORS_MAX: usize = 64;
/// Bytes of a request's `id`, which is echoed.
pub const ID_BYTES_MAX: usize = 128;
/// The only data type that is taken.
pub const FP32: &str = "FP32";

/// Name and version of a model, as routes and answers name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelLabel {
    /// The name.
    pub name: ModelName,
    /// The version.
    pub version: String,
}

/// Why a request is not one of the protocol's, or cannot be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WireRefusal {
    /// The header that divides the body is not a length within it.
    #[error("Inference-Header-Content-Length is not a length within the body")]
    HeaderLength,
    /// The body or its JSON has too many bytes, or names too many tensors.
    #[error("the request is too large")]
    TooLarge,
    /// The JSON is not an inference request.
    #[error("the body is not an inference request")]
    Json,
    /// A data type other than FP32.
    #[error("only tensors of type FP32 are taken")]
    DataType,
    /// A tensor has both or neither of JSON data and binary data.
    #[error("each input needs either data or binary_data_size")]
    Data,
    /// Binary sizes and the binary part of the body do not agree.
    #[error("the binary sizes do not add up to the body")]
    BinaryLength,
    /// An output is wanted that the model does not give.
    #[error("the model has no such output")]
    Output,
    /// A tensor that is none.
    #[error(transparent)]
    Tensor(#[from] TensorRefusal),
}

impl WireRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::HeaderLength => "kserve.header_length",
            Self::TooLarge => "kserve.too_large",
            Self::Json => "kserve.malformed",
            Self::DataType => "kserve.datatype",
            Self::Data => "kserve.data",
            Self::BinaryLength => "kserve.binary_length",
            Self::Output => "kserve.output",
            Self::Tensor(refusal) => refusal.code(),
        }
    }
}

#[cfg(test)]
mod tests;
