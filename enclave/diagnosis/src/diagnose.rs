//! The image route's work: bytes in, findings and mask out.
//! It belongs to the diagnosis enclave, and runs on its pool.
//! It keeps nothing of an image once the answer is made.

use autoclave_base::{b64, jcs};
use serde_json::{Value, json};
use thiserror::Error;

use crate::answer::Computed;
use crate::brain::{self, BrainError, Findings, Mask};
use crate::config::Preprocessing;
use crate::engine::RunError;
use crate::intake::{ImageRefusal, Picture};
use crate::model::Resident;
use crate::tensor::{Tensor, TensorRefusal};

/// Why there is no diagnosis.
#[derive(Debug, Error)]
pub enum DiagnoseError {
    /// The model has no image route.
    #[error("the model takes tensors only")]
    NoImageRoute,
    /// The image.
    #[error(transparent)]
    Image(#[from] ImageRefusal),
    /// The tensor made of it.
    #[error(transparent)]
    Tensor(#[from] TensorRefusal),
    /// The run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The mask.
    #[error(transparent)]
    Mask(#[from] BrainError),
    /// The result has no canonical form.
    #[error("the result has no canonical form")]
    Canonical,
}

impl DiagnoseError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoImageRoute => "model.no_image_route",
            Self::Image(refusal) => refusal.code(),
            Self::Tensor(refusal) => refusal.code(),
            Self::Run(error) => error.code(),
            Self::Mask(error) => error.code(),
            Self::Canonical => "diagnosis.canonical",
        }
    }
}

/// Decodes, runs, and makes the result; its digest is that of its canonical JSON.
pub fn diagnose(
    model: &Resident,
    media_type: &str,
    image: &[u8],
) -> Result<Computed<Value>, DiagnoseError> {
    if model.config().preprocessing != Preprocessing::BrainMri {
        return Err(DiagnoseError::NoImageRoute);
    }
    let picture = Picture::decode(media_type, image)?;
    let tensor = brain::tensor(&picture, &model.config().input)?;
    let answers = model.engine().run(&[tensor.view()])?;
    let result = result(model, &picture, &answers)?;
    let digest = jcs::digest(&result).map_err(|_| DiagnoseError::Canonical)?;
    Ok(Computed::new(result, digest))
}

fn result(model: &Resident, picture: &Picture, answers: &[Tensor]) -> Result<Value, DiagnoseError> {
    let wanted = |answer: &&Tensor| answer.name() == model.config().output;
    let answer = answers.iter().find(wanted).ok_or(RunError::Output)?;
    let mask = Mask::of(answer, picture.width(), picture.height())?;
    let findings = brain::findings(&mask, answer, picture.spacing());
    Ok(shown(model, &findings, &mask.png()?))
}

fn shown(model: &Resident, findings: &Findings, png: &[u8]) -> Value {
    let config = model.config();
    json!({
        "model": { "name": config.name.as_str(), "version": config.version, "digest": config.digest },
        "findings": findings,
        "mask": { "content_type": "image/png", "data": b64::encode(png) },
    })
}

#[cfg(test)]
pub(crate) mod tests;
