//! The applications of the demo's clinic: the command line, and one with a user.
//! They belong to the deployment; which application may what is measured with the clinic.
//! No secret stands in a configuration: applications have keys, or prove nothing.

use toml::Value;

use super::configs::{Facts, table, text, value};
use super::keys::Keys;
use super::party::Party;
use super::ports::Ports;

/// The command line as an application.
pub const APPLICATION: &str = "autoclave-cli";
/// An application with a user, to try the sign-in with.
const USERS_APPLICATION: &str = "demo-app";
/// Where its codes go: whatever listens there on this machine.
const REDIRECT: &str = "http://127.0.0.1:8765/callback";

/// Where applications reach the clinic.
pub fn base(ports: &Ports) -> String {
    format!("https://localhost:{}", ports.direct(Party::Clinic).port())
}

/// `[smart]`
pub(super) fn table_of(facts: &Facts<'_>) -> Value {
    let mut service = vec![
        ("id", text(APPLICATION)),
        ("name", text("The command line")),
        ("kind", text("service")),
        ("scopes", text("system/*.cruds")),
        ("clearance", Value::Array(vec![text("*")])),
    ];
    // A public key always has a form in TOML; without one the clinic refuses to start.
    if let Ok(key) = value(&Keys::public(&facts.keys.fhir)) {
        service.push(("jwks", table([("keys", Value::Array(vec![key]))])));
    }
    let scopes = "launch launch/patient online_access offline_access patient/*.rs user/*.cruds";
    let public = table([
        ("id", text(USERS_APPLICATION)),
        ("name", text("The demo's application")),
        ("kind", text("public")),
        ("redirect_uris", Value::Array(vec![text(REDIRECT)])),
        ("scopes", text(scopes)),
    ]);
    let clients = Value::Array(vec![table(service), public]);
    table([("base", text(base(facts.ports))), ("client", clients)])
}
