//! `broker`: an administrator's requests to the broker, each proved by that person's key and
//! sealed to the verified broker.
//! It belongs to the institution's administrators.
//! A key that is imported leaves this machine wrapped to the broker's attested key only.

use std::path::Path;
use std::sync::Arc;

use autoclave_attest::jwk::{Jwk, Key};
use autoclave_attest::jws;
use autoclave_base::ids::{KeyName, WorkloadName};
use autoclave_base::jcs;
use autoclave_client::clock::{now, random};
use autoclave_client::{Ask, Client, Prover};
use autoclave_seal::{Kem, PublicSealingKey, wrap};
use http::Method;
use p256::ecdsa::SigningKey;
use serde::Serialize;
use serde_json::{Value, json};

use super::connect::connect;
use super::model::read_key;
use crate::cli::{BreakGlass, Broker, BrokerCommand, Keys, Revocable, State};
use crate::deploy::keys;
use crate::deploy::party::Party;
use crate::deploy::seed::failure;
use crate::failure::{Failure, Outcome};
use crate::terminal;

/// The HPKE `info` of a key that is imported.
const IMPORT_INFO: &[u8] = b"autoclave key import v1";
/// The type of a bearer for clients of Azure Key Vault.
const BEARER_TYP: &str = "autoclave-bearer+jwt";
/// How long a bearer lasts: as long as the broker takes one.
const BEARER_SECONDS: u64 = 3600;
/// Seconds of a day.
const DAY_SECONDS: u64 = 86_400;

#[derive(Serialize)]
struct Binding<'a> {
    institution: &'a str,
    key: &'a KeyName,
}

/// Runs the command.
pub async fn run(command: Broker) -> Outcome {
    let key = keys::read(&command.key)?;
    if let BrokerCommand::Bearer { url } = &command.command {
        terminal::out(bearer(&key, url));
        return Ok(());
    }
    let desk = Desk::open(&command, key).await?;
    let answer = match command.command {
        BrokerCommand::Keys(keys) => desk.keys(keys).await?,
        BrokerCommand::Revoke { kind, what } => desk.revoke(kind, &what).await?,
        BrokerCommand::Revocations => desk.ask(Method::GET, "revocations", None).await?,
        BrokerCommand::BreakGlass(case) => desk.break_glass(case).await?,
        BrokerCommand::Bearer { .. } => Value::Null,
    };
    terminal::out(answer);
    Ok(())
}

/// A token that its holder may use for an hour.
fn bearer(key: &SigningKey, url: &str) -> String {
    let (aud, iat) = (url.trim_end_matches('/'), now());
    let claims = json!({ "aud": aud, "iat": iat, "exp": iat.plus(BEARER_SECONDS) });
    jws::sign_with_jwk(BEARER_TYP, None, &claims, key)
}

/// An administrator at the broker.
struct Desk {
    client: Arc<Client>,
    prover: Prover,
    broker: WorkloadName,
    institution: String,
}

impl Desk {
    async fn open(command: &Broker, key: SigningKey) -> Outcome<Self> {
        let client = connect(&command.connection).await?;
        let broker = WorkloadName::parse(Party::Broker.name());
        let broker = broker.map_err(|error| Failure::new("broker.party", error))?;
        let prover = client.prover(broker.clone(), key);
        Ok(Self { client, prover, broker, institution: command.institution.clone() })
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Outcome<Value> {
        let path = format!("/institutions/{}/{path}", self.institution);
        let ask = Ask::new(method, path);
        let ask = match body {
            Some(body) => ask.json(&body),
            None => ask,
        };
        let answer = self.prover.send(ask).await.map_err(failure)?;
        serde_json::from_slice(answer.response.body())
            .map_err(|error| Failure::new("broker.answer", error))
    }

    async fn keys(&self, command: Keys) -> Outcome<Value> {
        match command {
            Keys::List => self.ask(Method::GET, "keys", None).await,
            Keys::Create { name, purpose, days, overlap, import } => {
                let mut body = self.version(&name, days, import.as_deref()).await?;
                body["purpose"] = json!(purpose);
                body["overlap"] = json!(overlap);
                self.ask(Method::PUT, &format!("keys/{name}"), Some(body)).await
            }
            Keys::Rotate { name, days, import } => {
                let body = self.version(&name, days, import.as_deref()).await?;
                self.ask(Method::POST, &format!("keys/{name}/rotate"), Some(body)).await
            }
            Keys::Set { name, version, state } => {
                let body = json!({ "version": version, "state": word(state) });
                self.ask(Method::POST, &format!("keys/{name}/state"), Some(body)).await
            }
        }
    }

    /// A new version: its end, and its bytes where they are imported.
    async fn version(&self, name: &str, days: u32, import: Option<&Path>) -> Outcome<Value> {
        let mut body = json!({ "expires": now().plus(u64::from(days) * DAY_SECONDS) });
        let Some(import) = import else { return Ok(body) };
        let secret = read_key(import)?;
        let key = KeyName::parse(name).map_err(|error| Failure::new("broker.key_name", error))?;
        let binding = Binding { institution: &self.institution, key: &key };
        let aad = jcs::to_vec(&binding).map_err(|error| Failure::new("broker.key_name", error))?;
        let to = self.sealing_key().await?;
        let wrapped = wrap::wrap(&mut random(), &to, IMPORT_INFO, &aad, secret.expose());
        let wrapped = wrapped.map_err(|error| Failure::new(error.code(), error))?;
        body["wrapped"] = json!(wrapped);
        Ok(body)
    }

    /// The best key of the broker's verified token.
    async fn sealing_key(&self) -> Outcome<PublicSealingKey> {
        let peer = self.client.verify(&self.broker).await.map_err(failure)?;
        let read = |(id, jwk): (u8, &Jwk)| match jwk.key() {
            Key::XWing(bytes) => PublicSealingKey::from_parts(id, Kem::XWing, bytes).ok(),
            Key::X25519(bytes) => PublicSealingKey::from_parts(id, Kem::X25519, bytes).ok(),
            _ => None,
        };
        let keys: Vec<_> = peer.sealing_keys().filter_map(read).collect();
        let none = || Failure::new("broker.no_sealing_key", "the broker's token names no key");
        PublicSealingKey::best(&keys).cloned().ok_or_else(none)
    }

    async fn revoke(&self, kind: Revocable, what: &str) -> Outcome<Value> {
        let kind = match kind {
            Revocable::Workload => "workload",
            Revocable::Measurement => "measurement",
            Revocable::Token => "token",
        };
        let body = json!({ "kind": kind, "what": what });
        self.ask(Method::POST, "revocations", Some(body)).await
    }

    async fn break_glass(&self, command: BreakGlass) -> Outcome<Value> {
        match command {
            BreakGlass::List => self.ask(Method::GET, "break-glass", None).await,
            BreakGlass::Ask { key_name, workload, measurement, purpose, minutes } => {
                let body = json!({
                    "key": key_name, "workload": workload, "measurement": measurement,
                    "purpose": purpose, "seconds": minutes.saturating_mul(60),
                });
                self.ask(Method::POST, "break-glass", Some(body)).await
            }
            BreakGlass::Approve { case } => {
                let path = format!("break-glass/{case}/approve");
                self.ask(Method::POST, &path, Some(json!({}))).await
            }
            BreakGlass::Review { case, outcome } => {
                let path = format!("break-glass/{case}/review");
                self.ask(Method::POST, &path, Some(json!({ "outcome": outcome }))).await
            }
        }
    }
}

const fn word(state: State) -> &'static str {
    match state {
        State::Enabled => "enabled",
        State::Disabled => "disabled",
        State::Revoked => "revoked",
        State::Destroyed => "destroyed",
    }
}
