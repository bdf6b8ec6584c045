//! Whether the diagnosis enclave has its model: its key came, its file opened, it loaded.
//! It belongs to the deployment and to the doctor.
//! It asks what any client may ask, and needs no account.

use std::time::Duration;

use autoclave_base::ids::WorkloadName;
use autoclave_client::{Bytes, Client};
use http::Request;
use serde::Deserialize;
use tokio::time::sleep;

use super::configs::MODEL;
use super::party::Party;
use super::seed::failure;
use crate::failure::{Failure, Outcome};

/// Questions before a model counts as one that will not load: ten seconds.
const QUESTIONS_MAX: u32 = 40;
/// Pause between two of them.
const PAUSE_MS: u64 = 250;

/// Why a model is not loaded, in the form of the `KServe` protocol with a code beside it.
#[derive(Deserialize)]
pub struct Trouble {
    /// In words.
    pub error: String,
    /// The stable code.
    pub code: String,
}

impl Trouble {
    fn untold() -> Self {
        Self { error: "It does not say why.".to_owned(), code: "model.not_ready".to_owned() }
    }
}

/// Why the model is not loaded; nothing if it is.
pub async fn trouble(client: &Client) -> Outcome<Option<Trouble>> {
    let name = WorkloadName::parse(Party::Diagnosis.name());
    let name = name.map_err(|error| Failure::new("deploy.party_name", error))?;
    let request = Request::get(format!("/v2/models/{MODEL}/ready")).body(Bytes::new());
    let request = request.map_err(|error| Failure::new("deploy.request", error))?;
    let response = client.send(&name, request).await.map_err(failure)?.response;
    if response.status().is_success() {
        return Ok(None);
    }
    let told = serde_json::from_slice(response.body());
    Ok(Some(told.unwrap_or_else(|_| Trouble::untold())))
}

/// Waits until the model is loaded.
pub async fn wait(client: &Client) -> Outcome {
    let mut trouble_now = trouble(client).await?;
    for _ in 0..QUESTIONS_MAX {
        if trouble_now.is_none() {
            return Ok(());
        }
        sleep(Duration::from_millis(PAUSE_MS)).await;
        trouble_now = trouble(client).await?;
    }
    match trouble_now {
        None => Ok(()),
        Some(told) => {
            Err(Failure::new(told.code, format!("the model is not loaded: {}", told.error)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_in_the_form_of_kserve_is_read() {
        let told: Trouble =
            serde_json::from_str(r#"{"error":"It was altered.","code":"model.sealed"}"#).unwrap();
        assert_eq!(told.code, "model.sealed");
        assert_eq!(Trouble::untold().code, "model.not_ready");
    }
}
