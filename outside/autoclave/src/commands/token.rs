//! `token show`: verifies a party with a fresh nonce, and says what was verified.
//! It belongs to anybody who wants to know which code will read their data.
//! Claims are shown only after all of them were checked.

use autoclave_attest::evidence::{Claims, TeeKind};
use autoclave_attest::handshake::VerifiedAttestor;
use autoclave_attest::token::VerifiedToken;
use autoclave_base::ids::WorkloadName;
use serde_json::json;

use super::connect::connect;
use crate::cli::Token;
use crate::deploy::seed::failure;
use crate::failure::{Failure, Outcome};
use crate::terminal;

/// The attestor carries no token of another attestor: its evidence is shown.
const ATTESTOR: &str = "attestor";

/// Runs the command.
pub async fn run(command: Token) -> Outcome {
    let (workload, json, connection) = match command {
        Token::Show { workload, json, connection } => (workload, json, connection),
        Token::Certificate(command) => return super::certificate::run(&command),
    };
    let name = WorkloadName::parse(&workload);
    let name = name.map_err(|error| Failure::new("token.party", error))?;
    let client = connect(&connection).await?;
    let attestor = client.attestor().await;
    if name.as_str() == ATTESTOR {
        show_attestor(&attestor, json);
        return Ok(());
    }
    let peer = client.verify(&name).await.map_err(failure)?;
    if json {
        terminal::out(
            json!({ "verified": true, "token": peer.token().raw(), "claims": peer.token().claims() }),
        );
    } else {
        show(peer.token());
    }
    Ok(())
}

fn show(token: &VerifiedToken) {
    let claims = token.claims();
    terminal::out(format_args!("{} is what it should be.", claims.sub));
    terminal::out(format_args!("  verified by   {}", claims.iss));
    evidence(claims.submods.cpu0.evidence.claims());
    terminal::out(format_args!("  policy        {}", token.policy()));
    terminal::out(format_args!("  its key       {}", token.thumbprint()));
    for (id, key) in token.sealing_keys() {
        terminal::out(format_args!("  sealing key   {id} ({})", key.thumbprint()));
    }
    terminal::out(format_args!(
        "  token         {} to {}",
        claims.iat.rfc3339(),
        claims.exp.rfc3339()
    ));
    warn(claims.submods.cpu0.evidence.claims());
}

fn show_attestor(attestor: &VerifiedAttestor, as_json: bool) {
    let claims = attestor.claims();
    if as_json {
        terminal::out(json!({
            "verified": true, "issuer": attestor.issuer(), "evidence": claims,
            "manifest": attestor.manifest().manifest(), "keys": attestor.keys(),
        }));
        return;
    }
    terminal::out("attestor is what it should be.");
    terminal::out(format_args!("  issues as     {}", attestor.issuer()));
    evidence(claims);
    let manifest = attestor.manifest();
    terminal::out(format_args!(
        "  manifest      {} (serial {})",
        manifest.digest(),
        manifest.serial()
    ));
    for release in &manifest.manifest().workloads {
        terminal::out(format_args!(
            "  releases      {} {} {}",
            release.name, release.version, release.measurement
        ));
    }
    warn(claims);
}

pub(super) fn evidence(claims: &Claims) {
    terminal::out(format_args!(
        "  evidence      {} (debug {})",
        claims.kind,
        if claims.debug { "ON" } else { "off" }
    ));
    terminal::out(format_args!("  measurement   {}", claims.measurement));
    if let Some(measured) = &claims.measured {
        terminal::out(format_args!("    executable    {}", measured.executable));
        terminal::out(format_args!("    configuration {}", measured.configuration));
        for (name, digest) in &measured.libraries {
            terminal::out(format_args!("    library       {digest} ({name})"));
        }
    }
    for (name, value) in &claims.measurements {
        terminal::out(format_args!("    {name:<13} {value}"));
    }
    if let Some(tcb) = &claims.tcb {
        let advisories = tcb.advisories.join(", ");
        terminal::out(format_args!("    platform      {} {advisories}", tcb.status));
    }
    if let Some(tpm) = &claims.tpm {
        terminal::out(format_args!("    launcher      {}", tpm.launcher));
        terminal::out(format_args!("    tpm           {} ({})", tpm.ek, tpm.manufacturer));
    }
}

pub(super) fn warn(claims: &Claims) {
    if !claims.hw_backed {
        terminal::out("  NOT CONFIDENTIAL: no hardware stands behind this evidence.");
    } else if claims.kind == TeeKind::Tpm {
        terminal::out("  Measured boot: what runs is known; its memory is open to the machine.");
    }
}
