//! The inference route's work: a request's bytes in, a response's bytes out.
//! It belongs to the diagnosis enclave, and runs on its pool.
//! It runs nothing before the whole request was found well formed.

use autoclave_base::Digest;
use thiserror::Error;

use crate::answer::Computed;
use crate::engine::RunError;
use crate::kserve::{self, InferRequest, InferResponse, WireRefusal};
use crate::model::Resident;
use crate::tensor::Tensor;

/// Why there is no inference.
#[derive(Debug, Error)]
pub enum InferError {
    /// The request.
    #[error(transparent)]
    Wire(#[from] WireRefusal),
    /// The run.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl InferError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Wire(refusal) => refusal.code(),
            Self::Run(error) => error.code(),
        }
    }
}

/// Reads, runs and writes; the answer's digest is that of its whole body.
pub fn infer(
    model: &Resident,
    header_length: Option<&str>,
    body: &[u8],
) -> Result<Computed<InferResponse>, InferError> {
    let response = respond(model, header_length, body)?;
    let digest = Digest::of(&response.body);
    Ok(Computed::new(response, digest))
}

fn respond(
    model: &Resident,
    header_length: Option<&str>,
    body: &[u8],
) -> Result<InferResponse, InferError> {
    let request = InferRequest::parse(header_length, body)?;
    let wanted = request.outputs(model.spec())?;
    let inputs: Vec<_> = request.inputs().iter().map(Tensor::view).collect();
    let results = model.engine().run(&inputs)?;
    Ok(kserve::encode(&model.label(), request.id(), &wanted, &results)?)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::Preprocessing;
    use crate::model::tests::{ADD_ONE, resident};

    fn run(body: &Value) -> Result<Value, &'static str> {
        let model = resident("add", ADD_ONE, Preprocessing::None);
        let response =
            respond(&model, None, body.to_string().as_bytes()).map_err(|error| error.code())?;
        Ok(serde_json::from_slice(&response.body).unwrap())
    }

    fn input(name: &str, shape: &Value, data: &Value) -> Value {
        json!({"inputs": [{"name": name, "shape": shape, "datatype": "FP32", "data": data}]})
    }

    #[test]
    fn a_batch_goes_through_the_model() {
        let response = run(&input("x", &json!([2, 2]), &json!([[1, 2], [3, 4]]))).unwrap();
        assert_eq!(response["model_name"], "add");
        assert_eq!(response["model_version"], "1");
        assert_eq!(response["outputs"][0]["data"], json!([2.0, 3.0, 4.0, 5.0]));
    }

    #[test]
    fn tensors_of_another_model_are_refused() {
        assert_eq!(run(&input("z", &json!([1, 2]), &json!([0, 0]))), Err("tensor.name"));
        assert_eq!(run(&input("x", &json!([1, 3]), &json!([0, 0, 0]))), Err("tensor.shape"));
        assert_eq!(run(&input("x", &json!([2]), &json!([0, 0]))), Err("tensor.shape"));
        assert_eq!(run(&json!({"inputs": []})), Err("tensor.missing"));
    }

    #[test]
    fn an_output_of_another_model_is_refused_before_the_run() {
        let mut body = input("x", &json!([1, 2]), &json!([0, 0]));
        body["outputs"] = json!([{"name": "probability"}]);
        assert_eq!(run(&body), Err("kserve.output"));
    }
}
