//! What an administrator does once in a new deployment: the model's key, the staff.
//! It belongs to the administrator, whose key proves each request.
//! What is there already stays as it is.

use std::sync::Arc;

use autoclave_base::b64;
use autoclave_base::ids::WorkloadName;
use autoclave_client::{Ask, Client, ClientError, Prover};
use http::Method;
use p256::ecdsa::SigningKey;
use serde_json::json;

use super::accounts::Account;
use super::configs::MODEL_KEY;
use super::layout::Layout;
use super::party::Party;
use crate::commands::model::read_key;
use crate::failure::{Failure, Outcome};

/// Imports the model's key into the broker. The same key once more changes nothing.
pub async fn model_key(client: &Arc<Client>, key: &SigningKey, layout: &Layout) -> Outcome {
    let broker = prover(client, Party::Broker, key)?;
    let secret = read_key(&layout.model_key())?;
    let body = json!({ "secret": b64::encode(secret.expose()) });
    let ask = Ask::new(Method::PUT, format!("/keys/{MODEL_KEY}")).json(&body);
    broker.send(ask).await.map_err(failure)?;
    Ok(())
}

/// Makes the staff accounts that are not there yet.
pub async fn staff(client: &Arc<Client>, key: &SigningKey, accounts: &[Account]) -> Outcome {
    let clinic = prover(client, Party::Clinic, key)?;
    for account in accounts {
        let body = json!({
            "user": account.user, "role": account.role,
            "password": account.password, "totp_secret": account.totp,
        });
        let ask = Ask::new(Method::POST, "/staff").json(&body);
        match clinic.send(ask).await {
            Err(error) if !exists_already(&error) => return Err(failure(error)),
            _ => (),
        }
    }
    Ok(())
}

fn prover(client: &Arc<Client>, party: Party, key: &SigningKey) -> Outcome<Prover> {
    let name = WorkloadName::parse(party.name());
    let name = name.map_err(|error| Failure::new("deploy.party_name", error))?;
    Ok(client.prover(name, key.clone()))
}

fn exists_already(error: &ClientError) -> bool {
    const CONFLICT: u16 = 409;
    matches!(error, ClientError::Refused { problem, .. } if problem.status == CONFLICT)
}

/// A client's error as a command's failure.
pub fn failure(error: ClientError) -> Failure {
    Failure::new(error.code().into_owned(), error)
}

#[cfg(test)]
mod tests {
    use autoclave_base::Problem;

    use super::*;

    #[test]
    fn only_a_conflict_means_that_it_is_there() {
        let refused = |status| ClientError::Refused {
            party: "clinic".into(),
            problem: Problem::new(status, "staff.exists", "There is such an account."),
        };
        assert!(exists_already(&refused(409)));
        assert!(!exists_already(&refused(403)));
    }
}
