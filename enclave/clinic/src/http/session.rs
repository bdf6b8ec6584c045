//! `POST /auth/sign-in` and `POST /auth/sign-out`. The clinic's. A guess is counted before
//! it is looked at, and costs the same whether or not the name exists.

use std::sync::Arc;

use autoclave_base::{Secret, UnixTime};
use autoclave_cell::{Entropy, Refusal};
use autoclave_ledger::{Decision, Event, Label};
use autoclave_record::Role;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};

use super::caller::{Caller, Proved};
use crate::Clinic;
use crate::auth::account::{self, Claim, Known, user_name};
use crate::auth::guesses::Verdict;
use crate::auth::password::PASSWORD_BYTES_MAX;
use crate::auth::session::{SESSION_SECONDS, SessionToken};
use crate::permit::Actor;
use crate::store::SessionRow;

const MALFORMED: Refusal = Refusal::bad_request(
    "request.malformed",
    "The request is not JSON of the members that this route takes.",
);
const REFUSED: Refusal =
    Refusal::unauthenticated("auth.refused", "Name, password or code is wrong.");
const PAUSED: Refusal = Refusal::new(
    StatusCode::TOO_MANY_REQUESTS,
    "auth.paused",
    "Too many attempts for this name; wait as long as retry-after says.",
);
const BUSY: Refusal = Refusal::unavailable("auth.busy", "Too many people sign in; try again.");

/// `{"user", "password", "totp"}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    user: String,
    password: String,
    totp: String,
}

/// `{"session", "role", "expires_at"}`
#[derive(Serialize)]
pub(super) struct SignedIn {
    session: String,
    role: &'static str,
    expires_at: UnixTime,
}

/// Opens a session for who knows name, password and code, bound to the proved key.
pub(super) async fn sign_in(
    State(clinic): State<Arc<Clinic>>,
    key: Proved,
    body: Result<Json<SignIn>, JsonRejection>,
) -> Result<Response, Refusal> {
    let Json(SignIn { user, password, totp }) = body.map_err(|_| MALFORMED)?;
    let claim = Claim { password: Secret::new(password), code: totp };
    let (known, name) = match attempt(&clinic, &user, claim).await? {
        Attempt::Known(known, name) => (known, name),
        Attempt::Refused => return Err(REFUSED),
        Attempt::Paused(seconds) => return Ok(paused(seconds)),
    };
    let opened = open(&clinic, known, key, name).await?;
    line(&clinic, Some(known), opened.is_some()).await?;
    opened.map(|signed_in| Json(signed_in).into_response()).ok_or(REFUSED)
}

/// How an attempt to sign in ended. A name, a password and a code count as one.
pub(super) enum Attempt {
    /// All three are right; the code is still to be used up, for this name's token.
    Known(Known, [u8; 32]),
    /// Not all three; its line is written.
    Refused,
    /// Not looked at for so many seconds.
    Paused(u64),
}

/// Counts an attempt, and checks it where it is to be looked at.
pub(super) async fn attempt(
    clinic: &Arc<Clinic>,
    user: &str,
    claim: Claim,
) -> Result<Attempt, Refusal> {
    let Some(name) = user_name(user) else { return Ok(Attempt::Refused) };
    if claim.password.expose().len() > PASSWORD_BYTES_MAX {
        return Ok(Attempt::Refused);
    }
    let _place = clinic.sign_ins.try_acquire().map_err(|_| BUSY)?;
    let name = clinic.store.keys().name_token(&name);
    let now = clinic.now();
    if let Verdict::Paused(until) =
        clinic.with_store(move |store| store.count_guess(&name, now)).await?
    {
        return Ok(Attempt::Paused(until.since(now)));
    }
    let Some(known) = check(clinic, name, claim).await? else {
        line(clinic, None, false).await?;
        return Ok(Attempt::Refused);
    };
    Ok(Attempt::Known(known, name))
}

/// Uses the code up without a session, for who signs in to allow an application something;
/// nobody where it was used before.
pub(super) async fn used_up(
    clinic: &Arc<Clinic>,
    known: Known,
    name: [u8; 32],
) -> Result<Option<Known>, Refusal> {
    let spend = move |store: &crate::Store| store.use_step(known.id, &name, known.step);
    let is_good = clinic.with_store(spend).await?;
    line(clinic, Some(known), is_good).await?;
    Ok(is_good.then_some(known))
}

fn paused(seconds: u64) -> Response {
    let mut response = PAUSED.into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// Hashes on a thread that may block, few at a time.
async fn check(
    clinic: &Arc<Clinic>,
    name: [u8; 32],
    claim: Claim,
) -> Result<Option<Known>, Refusal> {
    let hashing = clinic.hashes.clone().acquire_owned().await;
    let hashing = hashing.map_err(|_| Refusal::internal("auth.closed"))?;
    let now = clinic.now();
    clinic
        .with_store(move |store| {
            let _until_done = hashing;
            let account = store.staff(&name)?;
            account::check(account.as_ref(), &claim, now)
        })
        .await
}

/// `None` where the code's step was used before.
async fn open(
    clinic: &Arc<Clinic>,
    known: Known,
    Proved(key): Proved,
    name: [u8; 32],
) -> Result<Option<SignedIn>, Refusal> {
    let token = SessionToken::random(&mut Entropy);
    let (digest, now) = (token.digest(), clinic.now());
    let expires_at = now.plus(SESSION_SECONDS);
    let (staff, role, jkt) = (known.id, known.role, key.to_string());
    let row = SessionRow { staff, role, jkt, expires_at, used_at: now };
    let work = move |store: &crate::Store| store.begin_session(&digest, &row, &name, known.step);
    let begun = clinic.with_store(work).await?;
    let session = token.expose().to_owned();
    Ok(begun.then_some(SignedIn { session, role: role.code(), expires_at }))
}

async fn line(clinic: &Clinic, known: Option<Known>, opened: bool) -> Result<(), Refusal> {
    let decision = if opened { Decision::Granted } else { Decision::Refused };
    let known = known.map(|known| (known.id, known.role));
    clinic.append(session_event("sign_in", known, decision)).await
}

fn session_event(
    action: &'static str,
    who: Option<(autoclave_base::ids::StaffId, Role)>,
    decision: Decision,
) -> Event {
    Event::Access {
        actor: who.map_or_else(|| Label::of(&"unknown"), |(id, _)| Label::of(&id)),
        role: who.map_or_else(|| Label::of(&"unknown"), |(_, role)| Label::of(&role)),
        action: Label::of(&action),
        resource: Label::of(&"Session"),
        subject: None,
        purpose: None,
        decision,
        rules: Vec::new(),
    }
}

/// Ends the session that the request comes with.
pub(super) async fn sign_out(
    State(clinic): State<Arc<Clinic>>,
    caller: Caller,
) -> Result<StatusCode, Refusal> {
    let session = caller.session;
    clinic.with_store(move |store| store.end_session(&session)).await?;
    if let Actor::Staff { id, role } = caller.actor {
        let line = session_event("sign_out", Some((id, role)), Decision::Granted);
        clinic.append(line).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
