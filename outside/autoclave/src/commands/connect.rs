//! What commands share: the client's settings, a connection, a signed-in session.
//! It belongs to the command line.
//! A password is read from the client's folder only, and kept no longer than it is needed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use autoclave_base::UnixTime;
use autoclave_base::ids::WorkloadName;
use autoclave_client::clock::now;
use autoclave_client::{Client, ClientError, Credentials, Options, Session, trust};

use crate::cli::Connection;
use crate::deploy::ClientSettings;
use crate::deploy::accounts::{Account, TOTP_STEP_SECONDS};
use crate::deploy::seed::failure;
use crate::failure::{Failure, Outcome};
use crate::{files, terminal};

/// Where the records are.
const CLINIC: &str = "clinic";

/// Connects as the client's folder and the command line say.
pub(crate) async fn connect(connection: &Connection) -> Outcome<Arc<Client>> {
    let address = address(connection)?;
    let file = connection.trust.clone();
    let file = file.unwrap_or_else(|| connection.client.join("trust.json"));
    let trust = trust::read(&file).map_err(|error| {
        Failure::new(error.code(), error).advise("Start a demo, or give --trust FILE.")
    })?;
    let client = Client::connect(Options { address, trust }).await.map_err(failure)?;
    Ok(Arc::new(client))
}

/// The edge that the command line or the client's folder names.
pub(crate) fn address(connection: &Connection) -> Outcome<String> {
    match &connection.address {
        Some(address) => Ok(address.clone()),
        None => Ok(settings(&connection.client)?.address),
    }
}

/// The party that keeps the records.
pub(crate) fn clinic() -> Result<WorkloadName, ClientError> {
    WorkloadName::parse(CLINIC).map_err(|_| ClientError::PartyName)
}

/// The account that the client's folder names.
pub(crate) fn account(connection: &Connection) -> Outcome<Account> {
    Ok(accounts(&connection.client, None)?.0)
}

/// The account of `user`, or the one that the folder names, and the names of the others.
pub(crate) fn accounts(client: &Path, user: Option<&str>) -> Outcome<(Account, Vec<String>)> {
    let user = match user {
        Some(user) => user.to_owned(),
        None => settings(client)?.user,
    };
    let accounts: Vec<Account> = files::read_json(&client.join("accounts.json"))?;
    let (mut found, others): (Vec<_>, Vec<_>) =
        accounts.into_iter().partition(|account| account.user == user);
    let others = others.into_iter().map(|account| account.user).collect();
    let no_account = || Failure::new("client.no_account", format!("no account {user}"));
    Ok((found.pop().ok_or_else(no_account)?, others))
}

fn settings(client: &Path) -> Outcome<ClientSettings> {
    let path = client.join("client.json");
    files::read_json(&path).map_err(|failure| {
        failure.advise("Start a demo first (autoclave demo), or give --client or --address.")
    })
}

/// Signs in at the clinic. A one-time code opens one session only: where it was used up, the
/// next one will do, since clocks may differ by one step; and after that the one to come.
pub(crate) async fn sign_in(client: &Arc<Client>, account: &Account) -> Outcome<Session> {
    let begun = now();
    for at in [begun, begun.plus(TOTP_STEP_SECONDS)] {
        match try_sign_in(client, account, at).await {
            Err(error) if error.is_unauthenticated() => (),
            outcome => return outcome.map_err(failure),
        }
    }
    let left = TOTP_STEP_SECONDS - now().seconds() % TOTP_STEP_SECONDS;
    terminal::note(format_args!("  waiting {left} s for the next one-time code"));
    tokio::time::sleep(Duration::from_secs(left)).await;
    let at = now().plus(TOTP_STEP_SECONDS);
    try_sign_in(client, account, at).await.map_err(failure)
}

async fn try_sign_in(
    client: &Arc<Client>,
    account: &Account,
    at: UnixTime,
) -> Result<Session, ClientError> {
    let code = account.code(at).map_err(|_| ClientError::Request("one-time secret"))?;
    let credentials = Credentials { user: &account.user, password: &account.password, totp: &code };
    client.sign_in(clinic()?, &credentials).await
}
