//! `POST /staff`: a site administrator makes an account. The hospital's. The password and
//! the one-time secret are answered to nobody but the one who made them.

use std::sync::Arc;

use autoclave_base::ids::StaffId;
use autoclave_base::{Phi, Secret};
use autoclave_cell::{Entropy, Refusal};
use autoclave_record::{Purpose, Role};
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::caller::Administrator;
use crate::Clinic;
use crate::auth::account::{Secrets, user_name};
use crate::auth::onetime::OneTimeSecret;
use crate::auth::password::{NewPassword, PasswordHash};
use crate::permit::Action;
use crate::store::NewStaff;

const MALFORMED: Refusal = Refusal::bad_request(
    "request.malformed",
    "The request is not JSON of the members that this route takes.",
);
const USER: Refusal =
    Refusal::bad_request("staff.user", "A user name is 1 to 64 letters, digits or one of ._-@+'.");
const PASSWORD: Refusal =
    Refusal::bad_request("staff.password", "A password has 10 characters to 256 bytes.");
const ROLE: Refusal = Refusal::bad_request("staff.role", "The role is not known.");
const TOTP: Refusal =
    Refusal::bad_request("staff.totp_secret", "A one-time secret is 16 to 64 bytes in base32.");
const EXISTS: Refusal =
    Refusal::new(StatusCode::CONFLICT, "staff.exists", "There is an account of this name.");

/// `{"user", "password", "role", "totp_secret"?}`; the secret is made where left out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    user: String,
    password: String,
    role: String,
    totp_secret: Option<String>,
}

/// `{"id", "role", "totp_secret"}`
#[derive(Serialize)]
pub(super) struct Made {
    id: StaffId,
    role: &'static str,
    totp_secret: String,
}

struct Checked {
    user: Phi<String>,
    password: NewPassword,
    role: Role,
    onetime: OneTimeSecret,
}

impl Wanted {
    fn checked(self) -> Result<Checked, Refusal> {
        let onetime = match self.totp_secret {
            Some(text) => OneTimeSecret::from_base32(&text).ok_or(TOTP)?,
            None => OneTimeSecret::random(&mut Entropy),
        };
        Ok(Checked {
            user: user_name(&self.user).ok_or(USER)?,
            password: NewPassword::parse(Secret::new(self.password)).ok_or(PASSWORD)?,
            role: self.role.parse().map_err(|_| ROLE)?,
            onetime,
        })
    }
}

/// Makes an account.
pub(super) async fn make(
    State(clinic): State<Arc<Clinic>>,
    Administrator(actor): Administrator,
    body: Result<Json<Wanted>, JsonRejection>,
) -> Result<(StatusCode, Json<Made>), Refusal> {
    let allowed = clinic.allow(actor, Action::ManageStaff, Purpose::SystemAdministration).await?;
    let Json(wanted) = body.map_err(|_| MALFORMED)?;
    let Checked { user, password, role, onetime } = wanted.checked()?;
    let _permit = clinic.permit(allowed, "Staff", None).await?;
    let id = StaffId::random(&mut Entropy);
    let totp_secret = onetime.to_base32();
    let hashing = clinic.hashes.clone().acquire_owned().await;
    let hashing = hashing.map_err(|_| Refusal::internal("auth.closed"))?;
    let added = clinic
        .with_store(move |store| {
            let _until_done = hashing;
            let hash = PasswordHash::new(&password, &mut Entropy);
            let hash = hash.map_err(|_| crate::StoreError::Malformed)?;
            let secrets = Secrets::new(&user, hash, &onetime).to_bytes();
            store.add_staff(&NewStaff { id, name: store.keys().name_token(&user), role, secrets })
        })
        .await?;
    if !added {
        return Err(EXISTS);
    }
    Ok((StatusCode::CREATED, Json(Made { id, role: role.code(), totp_secret })))
}
