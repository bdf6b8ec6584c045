//! The governed rules on top of the appraisal: they can refuse what the built-in checks
//! affirm, and never the other way round. The operator's. The attestor does not judge itself
//! by them, so that whoever governs it can always reach it.

use std::collections::VecDeque;
use std::sync::Arc;

use autoclave_attest::appraise::{
    Appraisal, POLICY_ID, POLICY_TEXT, Reason as Fault, Status, appraise,
};
use autoclave_attest::evidence::{Claims, Verified};
use autoclave_attest::jws::Unverified;
use autoclave_attest::release::{self, VerifiedManifest};
use autoclave_attest::token::UNKNOWN_WORKLOAD;
use autoclave_base::{Digest, UnixTime};
use autoclave_cell::governance::{self, Governance};
use autoclave_cell::policy::{
    APPRAISE_RULES, Ask, Decider, Explanation, Past, Reason, Reference, Verdict, appraise_ask,
    appraise_schema,
};
use autoclave_cell::{BootError, Cell};
use autoclave_ledger::Label;

use crate::settings::Settings;

/// Whose the rules are.
const OWNER: &str = "operator";

/// What the rules decide.
const OPERATION: &str = "appraise";

/// The rule that the release manifest stands for.
const MANIFEST_RULE: &str = "release-manifest";

/// The rule that no host looks inside.
const DEBUG_RULE: &str = "no-debug";

/// The rule that no host moves it to another machine.
const MIGRATION_RULE: &str = "not-migratable";

/// A verdict, and all that explains it.
pub(crate) struct Judged {
    pub(crate) appraisal: Appraisal,
    ask: Ask,
    decider: Decider,
    rules: Vec<String>,
    why: Vec<Reason>,
}

/// Opens the rules: the configuration's are those that refuse nothing.
pub(crate) async fn open(
    cell: &Arc<Cell>,
    settings: &Settings,
) -> Result<Arc<Governance>, BootError> {
    let options = governance::Options {
        name: OPERATION,
        schema: appraise_schema(),
        configured: APPRAISE_RULES.to_owned(),
        owners: vec![Label::code(OWNER)],
        settings: settings.governance.clone(),
        administrators: settings.administrators.clone(),
        shelf: None,
    };
    Governance::open(cell.clone(), options).await
}

/// Judges verified evidence: the built-in checks, and the rules on top.
pub(crate) fn judge(
    verified: &Verified,
    manifest: &VerifiedManifest,
    governance: &Governance,
    own: Digest,
    now: UnixTime,
) -> Option<Judged> {
    let claims = verified.claims();
    let appraisal = appraise(verified, manifest);
    let policy = governance.in_force(&Label::code(OWNER))?;
    let workload = appraisal.workload.as_ref().map(|name| name.as_str().to_owned());
    let ask = appraise_ask(claims, workload.as_deref(), manifest.serial(), now);
    let mut why = built_in(&appraisal, claims, manifest);
    let mut rules = vec![POLICY_ID.to_owned()];
    let is_configured = policy.decider().approved_by.is_empty();
    let appraisal = if is_configured || claims.measurement == own {
        appraisal
    } else {
        let verdict = Verdict::of(policy.book(), &ask);
        rules.extend(verdict.rules);
        why.extend(verdict.why.into_iter().map(|one| Reason::new(one, policy.reference())));
        appraisal.under(policy.book().digest(), verdict.granted)
    };
    let decider = policy.decider().clone();
    Some(Judged { appraisal, ask, decider, rules, why })
}

impl Judged {
    /// What is remembered of the verdict on line `line`.
    pub(crate) fn past(&self, line: u64, now: UnixTime) -> Past {
        let granted = self.appraisal.status == Status::Affirming;
        let fault = self.appraisal.reasons.first();
        let workload = self.appraisal.workload.as_ref();
        Past {
            operation: Label::code(OPERATION),
            owner: Some(Label::code(OWNER)),
            policy: Some(self.decider.clone()),
            caller: workload.map_or_else(|| Label::code(UNKNOWN_WORKLOAD), Label::of),
            claims: self.ask.principal().digest(),
            ask: Some(self.ask.clone()),
            granted,
            code: fault.map(|fault| Label::code(fault.code())),
            rules: if granted { self.rules.clone() } else { Vec::new() },
            why: self.why.clone(),
            first: now,
            last: now,
            count: 1,
            lines: [line].into(),
        }
    }
}

/// What is remembered of evidence that was not believed: no rule was asked.
pub(crate) fn not_believed(code: &str, line: Option<u64>, now: UnixTime) -> Past {
    Past {
        operation: Label::code(OPERATION),
        owner: Some(Label::code(OWNER)),
        policy: None,
        caller: Label::code(UNKNOWN_WORKLOAD),
        claims: None,
        ask: None,
        granted: false,
        code: Some(Label::of_claim(code)),
        rules: Vec::new(),
        why: Vec::new(),
        first: now,
        last: now,
        count: 1,
        lines: line.into_iter().collect::<VecDeque<_>>(),
    }
}

/// The built-in checks' reasons, in the words of rules.
fn built_in(appraisal: &Appraisal, claims: &Claims, manifest: &VerifiedManifest) -> Vec<Reason> {
    let said = |fault: &Fault| match fault {
        Fault::UnknownMeasurement => {
            let expected = format!("one that the manifest names for {}", claims.kind);
            let found = claims.measurement.to_string();
            Some((
                MANIFEST_RULE,
                "principal.measurement",
                expected,
                found,
                by(manifest, manifest.digest()),
            ))
        }
        Fault::SecurityVersion => {
            let release = manifest.find(&claims.measurement, claims.kind)?;
            let (expected, found) = (format!("at least {}", release.svn), claims.svn.to_string());
            let reference = by(manifest, release.measurement);
            Some((MANIFEST_RULE, "principal.svn", expected, found, reference))
        }
        Fault::Debug => {
            let (expected, found) = ("false".to_owned(), claims.debug.to_string());
            Some((DEBUG_RULE, "principal.debug", expected, found, program()))
        }
        Fault::Migratable => {
            let (expected, found) = ("false".to_owned(), claims.migratable.to_string());
            Some((MIGRATION_RULE, "principal.migratable", expected, found, program()))
        }
        // Said by the rules themselves.
        Fault::Rules => None,
    };
    let reasons = appraisal.reasons.iter().filter_map(said);
    let reason = |(rule, claim, expected, found, reference): (&str, &str, _, _, _)| {
        let (rule, claim) = (rule.to_owned(), claim.to_owned());
        Reason::new(Explanation { rule, claim, expected, found }, reference)
    };
    reasons.map(reason).collect()
}

/// A value of the release manifest, and who signed that.
fn by(manifest: &VerifiedManifest, value: Digest) -> Reference {
    let parsed = Unverified::parse(manifest.raw(), release::TYP).ok();
    let signer = parsed.and_then(|jws| jws.kid().map(str::to_owned));
    Reference {
        source: format!("release manifest {}", manifest.serial()),
        value: value.to_string(),
        signers: signer.into_iter().collect(),
    }
}

/// What the program itself insists on.
fn program() -> Reference {
    Reference {
        source: "built-in checks".to_owned(),
        value: Digest::of(POLICY_TEXT).to_string(),
        signers: vec!["program".to_owned()],
    }
}
