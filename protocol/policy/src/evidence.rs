//! Evidence as appraisal rules see it: the verified claims, each an attribute. The schema
//! beside this says which. Nothing that was not verified gets in.

use std::collections::BTreeSet;

use autoclave_attest::evidence::Claims;
use autoclave_base::UnixTime;
use serde_json::json;

use crate::{Ask, Thing};

/// What a manifest does not name.
const UNKNOWN: &str = "unknown";

/// The rules of an attestor that nobody governs: the checks that are built in decide alone.
/// They stay, whatever a governed policy says; it can only refuse more.
pub const APPRAISE_RULES: &str = r#"@id("built-in-checks-decide")
permit(principal is Evidence, action == Action::"appraise", resource);
"#;

/// The whole schema of appraisal rules.
pub fn appraise_schema() -> String {
    include_str!("schemas/appraise.cedarschema").to_owned()
}

/// May evidence with these claims be affirmed? `workload` is the manifest's name for it.
pub fn appraise_ask(claims: &Claims, workload: Option<&str>, serial: u64, now: UnixTime) -> Ask {
    let manifest = Thing::new("Manifest", serial).with("serial", serial);
    Ask::new(evidence(claims, workload), "appraise", manifest).in_context("now", now.rfc3339())
}

fn evidence(claims: &Claims, workload: Option<&str>) -> Thing {
    let tcb = claims.tcb.as_ref();
    let advisories: BTreeSet<&str> =
        tcb.into_iter().flat_map(|tcb| &tcb.advisories).map(String::as_str).collect();
    let layers: BTreeSet<&str> = claims.layers.iter().map(|layer| layer.kind.as_str()).collect();
    let parts = claims.measurements.iter().map(|(name, value)| format!("{name}={value}"));
    let thing = Thing::new("Evidence", claims.measurement)
        .with("workload", workload.unwrap_or(UNKNOWN))
        .with("kind", claims.kind.as_str())
        .with("layers", json!(layers))
        .with("hw_backed", claims.hw_backed)
        .with("debug", claims.debug)
        .with("migratable", claims.migratable)
        .with("measurement", claims.measurement.to_string())
        .with("measurements", parts.collect::<Vec<_>>())
        .with("svn", claims.svn)
        .with("advisories", json!(advisories));
    let optional = [
        ("signer", claims.signer.as_ref().map(|signer| json!(signer.to_string()))),
        ("hardware_id", claims.hardware_id.map(|id| json!(id))),
        ("tcb_status", tcb.map(|tcb| json!(tcb.status.as_str()))),
        ("tcb_evaluation", tcb.and_then(|tcb| tcb.evaluation).map(|number| json!(number))),
    ];
    let there = optional.into_iter().filter_map(|(name, value)| Some((name, value?)));
    there.fold(thing, |thing, (name, value)| thing.with(name, value))
}

#[cfg(test)]
mod tests {
    use autoclave_attest::evidence::{Tcb, TcbStatus, TeeKind};
    use autoclave_base::Digest;

    use super::*;
    use crate::{PolicyBook, Verdict};

    fn claims() -> Claims {
        let json = json!({
            "kind": "tdx", "hw_backed": true, "debug": false, "svn": 3,
            "measurement": Digest::of("td"), "measurements": { "mrtd": "00ff" },
            "signer": "ab", "hardware_id": Digest::of("machine"),
            "tcb": { "status": "OutOfDate", "advisories": ["INTEL-SA-00837"], "raw": "" },
        });
        serde_json::from_value(json).unwrap()
    }

    fn refused(rules: &str, claims: &Claims) -> Option<String> {
        let book = PolicyBook::load(&[APPRAISE_RULES, rules].concat(), &appraise_schema()).unwrap();
        let ask = appraise_ask(claims, Some("clinic"), 7, UnixTime::from_seconds(1_795_000_000));
        let verdict = Verdict::of(&book, &ask);
        verdict.why.first().map(|why| format!("{}: {} {}", why.rule, why.claim, why.found))
    }

    #[test]
    fn rules_speak_of_every_claim_and_refuse_by_it() {
        let forbid = |name: &str, when: &str| {
            format!(r#"@id("{name}") forbid(principal, action, resource) when {{ {when} }};"#)
        };
        let cases = [
            ("tcb", r#"principal has tcb_status && principal.tcb_status != "UpToDate""#),
            ("sa", r#"principal.advisories.contains("INTEL-SA-00837")"#),
            ("kind", r#"principal.kind != "snp""#),
            ("mrtd", r#"principal.measurements.contains("mrtd=00ff")"#),
            ("signer", r#"principal has signer && principal.signer == "ab""#),
            ("svn", "principal.svn < 4"),
            ("machine", "principal has hardware_id"),
        ];
        for (name, when) in cases {
            let why = refused(&forbid(name, when), &claims());
            assert!(why.is_some_and(|why| why.starts_with(name)), "{when}");
        }
        let good = Claims {
            tcb: claims().tcb.map(|tcb| Tcb { status: TcbStatus::UpToDate, ..tcb }),
            ..claims()
        };
        assert_eq!(good.kind, TeeKind::Tdx);
        let (name, when) = cases[0];
        assert_eq!(refused(&forbid(name, when), &good), None);
    }

    #[test]
    fn nobodys_rules_leave_the_decision_to_the_built_in_checks() {
        assert_eq!(refused("", &claims()), None);
    }
}
