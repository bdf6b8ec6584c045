//! `code`: the one-time code of the moment, as an authenticator app would show it.
//! It belongs to whoever tries the demo, whose accounts lie in the client's folder.
//! No account outside a demo has its secret there, so that nothing else can be shown.

use autoclave_base::UnixTime;
use autoclave_client::clock::now;
use serde_json::json;

use super::connect::accounts;
use crate::cli::Code;
use crate::deploy::accounts::{Account, TOTP_STEP_SECONDS};
use crate::failure::{Failure, Outcome};
use crate::terminal::out;

/// Runs the command.
pub fn run(command: &Code) -> Outcome {
    let (account, others) = accounts(&command.client, command.user.as_deref())?;
    let at = now();
    let (code, next) = codes(&account, at)?;
    let left = TOTP_STEP_SECONDS - at.seconds() % TOTP_STEP_SECONDS;
    if command.json {
        out(json!({ "user": account.user, "code": code, "seconds_left": left, "next": next }));
        return Ok(());
    }
    out(format_args!("{code}  for {}, {left} s left; then {next}", account.user));
    out("A code opens one session only. If this one was used, take the other.");
    if command.user.is_none() && !others.is_empty() {
        out(format_args!("Others: autoclave code {}", others.join(" | ")));
    }
    Ok(())
}

/// The code of the moment and the one after it.
fn codes(account: &Account, at: UnixTime) -> Result<(String, String), Failure> {
    Ok((account.code(at)?, account.code(at.plus(TOTP_STEP_SECONDS))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_code_is_that_of_the_next_step() {
        let account = Account {
            user: "u".into(),
            role: "clerk".into(),
            password: "p".into(),
            totp: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".into(),
        };
        let (code, next) = codes(&account, UnixTime::from_seconds(31)).unwrap();
        assert_eq!(code, account.code(UnixTime::from_seconds(59)).unwrap());
        assert_eq!(next, account.code(UnixTime::from_seconds(60)).unwrap());
        assert_ne!(code, next);
    }
}
