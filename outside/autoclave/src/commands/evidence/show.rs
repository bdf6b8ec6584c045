//! Claims and refusals for people, in aligned lines, and claims as JSON. It belongs to the
//! command line; what is shown was verified, or is said not to be.

use autoclave_attest::evidence::{Claims, EvidenceRefusal, TeeKind, Unbound};
use autoclave_base::{HexBytes, UnixTime};
use serde_json::{Value, json};

use crate::terminal::out;

/// Verified evidence for programs.
pub(super) fn json(unbound: &Unbound, now: UnixTime) -> Value {
    json!({
        "verified": true, "at": now, "report_data": HexBytes::of(unbound.report_data()),
        "claims": unbound.claims(),
    })
}

/// Verified evidence for people.
pub(super) fn verified(unbound: &Unbound, now: UnixTime) {
    out(format_args!("VERIFIED under the strict policy, as of {}", now.rfc3339()));
    claims(unbound.claims(), "  ");
    row("  ", "report data", &HexBytes::of(unbound.report_data()));
}

/// A refusal for people.
pub(super) fn refused(refusal: EvidenceRefusal, now: UnixTime) {
    out(format_args!("REFUSED, as of {}", now.rfc3339()));
    row("  ", "stage", &refusal.stage());
    row("  ", "code", &refusal.code());
    row("  ", "reason", &refusal);
}

fn row(indent: &str, name: &str, value: &dyn std::fmt::Display) {
    out(format_args!("{indent}{name:<18} {value}"));
}

const fn words(kind: TeeKind) -> &'static str {
    match kind {
        TeeKind::Software => "software, which keeps nothing confidential",
        TeeKind::Tpm => "measured boot by a TPM 2.0",
        TeeKind::Sgx => "Intel SGX enclave",
        TeeKind::Tdx => "Intel TDX domain",
        TeeKind::Snp => "AMD SEV-SNP guest",
        TeeKind::AzureSnp => "Azure confidential VM (vTPM on SEV-SNP)",
        TeeKind::AzureTdx => "Azure confidential VM (vTPM on TDX)",
        TeeKind::Nitro => "AWS Nitro enclave",
    }
}

const fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

fn claims(claims: &Claims, indent: &str) {
    let row = |name: &str, value: &dyn std::fmt::Display| row(indent, name, value);
    row("kind", &words(claims.kind));
    row("hardware", &yes(claims.hw_backed));
    row("debug", &yes(claims.debug));
    row("migratable", &yes(claims.migratable));
    row("measurement", &claims.measurement);
    for (name, value) in &claims.measurements {
        row(&format!("  {name}"), value);
    }
    if let Some(measured) = &claims.measured {
        row("  executable", &measured.executable);
        row("  configuration", &measured.configuration);
    }
    if let Some(signer) = &claims.signer {
        row("signer", signer);
    }
    row("security version", &claims.svn);
    if let Some(id) = &claims.hardware_id {
        row("machine", id);
    }
    if let Some(tcb) = &claims.tcb {
        row("platform", &tcb.status);
        row("  versions", &tcb.raw);
        if let Some(date) = &tcb.date {
            row("  level of", date);
        }
        if let Some(evaluation) = tcb.evaluation {
            row("  evaluation", &evaluation);
        }
        let advisories = tcb.advisories.join(", ");
        row("  advisories", if advisories.is_empty() { &"none" } else { &advisories });
        if let Some(expires) = tcb.collateral_expires {
            row("  collateral until", &expires.rfc3339());
        }
    }
    for layer in &claims.layers {
        out(format_args!("{indent}stands on"));
        self::claims(layer, &format!("{indent}  "));
    }
}
