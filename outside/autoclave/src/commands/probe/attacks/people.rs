//! Attacks on sign-in, sessions and roles.
//! They belong to the probe; the account is the client folder's own.
//! They guess no password more than once, so that nobody is locked out.

use autoclave_attest::dpop;
use autoclave_base::ids::WorkloadName;
use autoclave_client::clock::{now, random};
use autoclave_client::{Ask, Bytes, Prover};
use http::{Method, Request, header};
use serde_json::{Value, json};

use crate::commands::probe::Attack;
use crate::commands::probe::forge::{self, Sign};
use crate::commands::probe::site::{Reply, Site, Tried, refusal};

const CLINIC: &str = "clinic";
const SIGN_IN: &str = "/auth/sign-in";
const PATIENTS: &str = "/patients";
/// What a session and its proof are refused with.
const SESSION: &[&str] = &["dpop.", "session.", "auth."];

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "people.password_wrong",
        tries: "signing in as somebody who is not there",
        refused_by: &["auth.refused", "auth.paused"],
        run: |site| Box::pin(stranger(site)),
    },
    Attack {
        name: "people.sign_in_unproved",
        tries: "signing in without a proof of a key",
        refused_by: SESSION,
        run: |site| Box::pin(unproved(site)),
    },
    Attack {
        name: "people.no_session",
        tries: "the list of patients without a session",
        refused_by: SESSION,
        run: |site| Box::pin(send(site, PATIENTS, None, None)),
    },
    Attack {
        name: "people.session_guessed",
        tries: "the list of patients with a made-up session",
        refused_by: SESSION,
        run: |site| Box::pin(guessed(site)),
    },
    Attack {
        name: "people.session_stolen",
        tries: "a real session with a proof by another key",
        refused_by: SESSION,
        run: |site| Box::pin(stolen(site, Proof::OtherKey)),
    },
    Attack {
        name: "people.session_bearer",
        tries: "a real session as a bearer token",
        refused_by: SESSION,
        run: |site| Box::pin(stolen(site, Proof::None)),
    },
    Attack {
        name: "people.proof_other_path",
        tries: "a proof that was made for another path",
        refused_by: SESSION,
        run: |site| Box::pin(proof(site, Proof::OtherPath)),
    },
    Attack {
        name: "people.proof_other_method",
        tries: "a proof that was made for another method",
        refused_by: SESSION,
        run: |site| Box::pin(proof(site, Proof::OtherMethod)),
    },
    Attack {
        name: "people.proof_old",
        tries: "a proof from an hour ago",
        refused_by: SESSION,
        run: |site| Box::pin(proof(site, Proof::Old)),
    },
    Attack {
        name: "people.proof_alg_none",
        tries: "a proof without signature (alg none)",
        refused_by: SESSION,
        run: |site| Box::pin(proof(site, Proof::AlgNone)),
    },
    Attack {
        name: "people.proof_replayed",
        tries: "one proof for two requests",
        refused_by: SESSION,
        run: |site| Box::pin(replayed(site)),
    },
    Attack {
        name: "roles.no_purpose",
        tries: "the list of patients without a purpose",
        refused_by: &["purpose.", "request.", "access.", "policy."],
        run: |site| Box::pin(purpose(site, None)),
    },
    Attack {
        name: "roles.purpose_unknown",
        tries: "the list of patients for a purpose that there is not",
        refused_by: &["purpose.", "request.", "access.", "policy."],
        run: |site| Box::pin(purpose(site, Some("CURIOSITY"))),
    },
    Attack {
        name: "roles.purpose_research",
        tries: "the list of patients for research, which no rule permits",
        refused_by: &["permission.", "access.", "purpose."],
        run: |site| Box::pin(purpose(site, Some("HRESCH"))),
    },
    Attack {
        name: "roles.staff_by_stranger",
        tries: "making an account with a key that is no administrator's",
        refused_by: &[],
        run: |site| Box::pin(staff(site)),
    },
    Attack {
        name: "roles.keys_by_stranger",
        tries: "the broker's list of keys with a key that is no administrator's",
        refused_by: &["administrator", "keys.", "dpop.", "broker."],
        run: |site| Box::pin(keys(site, Method::GET, "/keys")),
    },
    Attack {
        name: "roles.refusals_by_stranger",
        tries: "the broker's refusals with a key that is no administrator's",
        refused_by: &["administrator", "keys.", "dpop.", "broker."],
        run: |site| Box::pin(keys(site, Method::GET, "/refusals")),
    },
    Attack {
        name: "roles.import_by_stranger",
        tries: "importing a key with a key that is no administrator's",
        refused_by: &["administrator", "keys.", "dpop.", "broker."],
        run: |site| Box::pin(keys(site, Method::PUT, "/keys/model/brain-mri")),
    },
];

/// What is wrong with a proof.
#[derive(Clone, Copy)]
enum Proof {
    None,
    OtherKey,
    OtherPath,
    OtherMethod,
    Old,
    AlgNone,
}

async fn send(site: &Site, path: &str, session: Option<&str>, proof: Option<&str>) -> Tried {
    let mut request = Request::get(path).header("purpose-of-use", "TREAT");
    if let Some(session) = session {
        request = request.header(header::AUTHORIZATION, session);
    }
    if let Some(proof) = proof {
        request = request.header(dpop::HEADER, proof);
    }
    let request = request.body(Bytes::new()).map_err(|error| error.to_string())?;
    site.sealed(CLINIC, request).await
}

fn prover(site: &Site, party: &str) -> Result<Prover, String> {
    let party = WorkloadName::parse(party).map_err(|error| error.to_string())?;
    Ok(site.client()?.prover(party, site.key.clone()))
}

async fn proved(prover: &Prover, ask: Ask) -> Tried {
    match prover.send(ask).await {
        Ok(answer) => Ok(Reply::of(answer.response.status().as_u16(), answer.response.body())),
        Err(error) => refusal(&error),
    }
}

fn credentials() -> Value {
    json!({ "user": "nobody-of-that-name", "password": "wrong", "totp": "000000" })
}

async fn stranger(site: &Site) -> Tried {
    let ask = Ask::new(Method::POST, SIGN_IN).json(&credentials());
    proved(&prover(site, CLINIC)?, ask).await
}

async fn unproved(site: &Site) -> Tried {
    let request = Request::post(SIGN_IN).header(header::CONTENT_TYPE, "application/json");
    let request = request.body(Bytes::from(credentials().to_string()));
    site.sealed(CLINIC, request.map_err(|error| error.to_string())?).await
}

async fn guessed(site: &Site) -> Tried {
    let guess = "A".repeat(43);
    let proof = made(site, Proof::OtherKey, Some(&guess));
    send(site, PATIENTS, Some(&format!("DPoP {guess}")), Some(&proof)).await
}

/// The account's own session, as text.
async fn session(site: &Site) -> Result<String, String> {
    let session = site.session().await?;
    let saved = serde_json::to_value(session.saved().exposed()).map_err(|it| it.to_string())?;
    let text = saved["session"].as_str().map(str::to_owned);
    text.ok_or_else(|| "no session".to_owned())
}

/// A proof by the attacker's key, which is no session's.
fn made(site: &Site, wrong: Proof, session: Option<&str>) -> String {
    let path = if matches!(wrong, Proof::OtherPath) { "/somewhere/else" } else { PATIENTS };
    let method = if matches!(wrong, Proof::OtherMethod) { "DELETE" } else { "GET" };
    let at = if matches!(wrong, Proof::Old) { now().minus(3_600) } else { now() };
    let facts = dpop::Facts { method, path, session };
    let proof = dpop::prove(&site.key, facts, &mut random(), at);
    match (wrong, forge::opened(&proof)) {
        (Proof::AlgNone, Some((mut header, payload, signature))) => {
            header["alg"] = json!("none");
            forge::made(&header, &payload, &signature, &Sign::Nothing)
        }
        _ => proof,
    }
}

async fn stolen(site: &Site, wrong: Proof) -> Tried {
    let session = session(site).await?;
    let (scheme, proof) = match wrong {
        Proof::None => ("Bearer", None),
        _ => ("DPoP", Some(made(site, wrong, Some(&session)))),
    };
    send(site, PATIENTS, Some(&format!("{scheme} {session}")), proof.as_deref()).await
}

async fn proof(site: &Site, wrong: Proof) -> Tried {
    let session = session(site).await?;
    let proof = made(site, wrong, Some(&session));
    send(site, PATIENTS, Some(&format!("DPoP {session}")), Some(&proof)).await
}

/// The first use is at a sign-in that fails; the proof is used up all the same.
async fn replayed(site: &Site) -> Tried {
    let facts = dpop::Facts { method: "POST", path: SIGN_IN, session: None };
    let proof = dpop::prove(&site.key, facts, &mut random(), now());
    let mut last = Err("not sent".to_owned());
    for _ in 0..2 {
        let request = Request::post(SIGN_IN)
            .header(header::CONTENT_TYPE, "application/json")
            .header(dpop::HEADER, &proof)
            .body(Bytes::from(credentials().to_string()));
        last = site.sealed(CLINIC, request.map_err(|error| error.to_string())?).await;
    }
    last
}

async fn purpose(site: &Site, purpose: Option<&'static str>) -> Tried {
    let session = site.session().await?;
    let mut ask = Ask::new(Method::GET, PATIENTS);
    if let Some(purpose) = purpose {
        ask = ask.header("purpose-of-use", purpose);
    }
    match session.send(ask).await {
        Ok(answer) => Ok(Reply::of(answer.response.status().as_u16(), answer.response.body())),
        Err(error) => refusal(&error),
    }
}

async fn staff(site: &Site) -> Tried {
    let account = json!({ "user": "mallory", "password": "correct horse", "role": "clinician" });
    proved(&prover(site, CLINIC)?, Ask::new(Method::POST, "/staff").json(&account)).await
}

async fn keys(site: &Site, method: Method, path: &str) -> Tried {
    let ask = Ask::new(method, path).json(&json!({ "secret": "A".repeat(43) }));
    proved(&prover(site, "broker")?, ask).await
}
