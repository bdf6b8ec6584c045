//! A policy of acme's, its people, and short words for what they do.

use autoclave_attest::jwk::Jwk;
use autoclave_base::UnixTime;
use autoclave_ledger::Label;
use p256::ecdsa::SigningKey;

use crate::govern::{
    Approval, Approver, Charter, Checked, Command, GovernRefusal, Governed, Mode, Person, PolicyId,
    Stage, VerifiedApproval, apply, genesis,
};
use crate::release_schema;

pub(super) const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);
pub(super) const LOCK: u64 = 60;
const AUDIENCE: &str = "https://attestor.test#broker";

const TEXTS: [&str; 3] = [
    r#"@id("all") permit(principal, action == Action::"release", resource);"#,
    r#"@id("strict") permit(principal, action == Action::"release", resource)
       when { principal.hw_backed };"#,
    r#"@id("newer") permit(principal, action == Action::"release", resource)
       when { principal.svn >= 7 };"#,
];

pub(super) struct Scene {
    pub(super) state: Governed,
}

pub(super) fn schema() -> String {
    release_schema()
}

pub(super) fn label(text: &str) -> Label {
    Label::parse(text).unwrap()
}

/// One of three policies; the first is the configuration's.
pub(super) fn checked(which: usize) -> Checked {
    Checked::of(TEXTS[which], &schema()).unwrap()
}

pub(super) fn key(name: &str) -> SigningKey {
    let seed = autoclave_base::Digest::of(name);
    SigningKey::from_slice(seed.bytes()).unwrap()
}

fn jwk(name: &str) -> Jwk {
    Jwk::signing(key(name).verifying_key())
}

pub(super) fn approver(name: &str) -> Approver {
    let institution = if name == "foreign" { "mercy" } else { "acme" };
    Approver::new(label(name), label(institution), &jwk(name)).unwrap()
}

pub(super) fn person(name: &str) -> Person {
    Person { name: label(name), institution: label("acme"), jkt: jwk(name).thumbprint() }
}

/// `author` is an approver too, of everything but what they wrote.
pub(super) fn charter() -> Charter {
    let approvers = ["first", "second", "third", "author", "foreign"].map(approver).to_vec();
    Charter::new(approvers, LOCK, AUDIENCE.to_owned()).unwrap()
}

type Steps = Result<Vec<&'static str>, &'static str>;

impl Scene {
    pub(super) fn new() -> Self {
        let id = PolicyId { name: label("release"), owner: label("acme") };
        Self { state: genesis(id, &checked(0), NOW).state }
    }

    pub(super) fn apply(&mut self, command: &Command, now: UnixTime) -> Steps {
        let outcome = apply(&self.state, command, &charter(), now).map_err(GovernRefusal::code)?;
        self.state = outcome.state;
        Ok(outcome.steps.iter().map(|step| step.kind.as_str()).collect())
    }

    pub(super) fn draft(&mut self, which: usize) -> u32 {
        let number = self.state.next;
        let draft = checked(which);
        let command = Command::Draft { draft, mode: Mode::Ordinary, by: person("author") };
        self.apply(&command, NOW).unwrap();
        number
    }

    pub(super) fn propose(&mut self, version: u32, not_before: UnixTime) -> Steps {
        self.apply(&Command::Propose { version, not_before, by: person("author") }, NOW)
    }

    pub(super) fn proposed(&mut self, which: usize) -> u32 {
        let number = self.draft(which);
        self.propose(number, NOW).unwrap();
        number
    }

    pub(super) fn approved(&mut self) -> u32 {
        let number = self.proposed(1);
        self.approve(number, "first", NOW).unwrap();
        self.approve(number, "second", NOW).unwrap();
        number
    }

    /// What `name` would sign of a version now.
    pub(super) fn approval(&self, number: u32, name: &str, now: UnixTime) -> Approval {
        let version = self.state.version(number).unwrap();
        let (predecessor, not_before) = match &version.stage {
            Stage::Proposed { proposal, .. } | Stage::Locked { proposal, .. } => {
                (proposal.predecessor, proposal.not_before)
            }
            _ => (self.state.in_force().unwrap().as_predecessor(), NOW),
        };
        Approval {
            aud: AUDIENCE.to_owned(),
            policy: label("release"),
            owner: label("acme"),
            version: number,
            digest: version.digest,
            predecessor,
            mode: version.mode,
            not_before,
            approver: label(name),
            iat: now,
            exp: now.plus(3600),
        }
    }

    /// Submits an approval that `signer` signed.
    pub(super) fn submit(&mut self, approval: &Approval, signer: &str, now: UnixTime) -> Steps {
        let jws = approval.sign(&key(signer));
        let verified = VerifiedApproval::verify(&jws, &charter()).map_err(GovernRefusal::code)?;
        self.apply(&Command::Approve(Box::new(verified)), now)
    }

    pub(super) fn approve(&mut self, number: u32, name: &str, now: UnixTime) -> Steps {
        let approval = self.approval(number, name, now);
        self.submit(&approval, name, now)
    }

    pub(super) fn withdraw(&mut self, version: u32) -> Steps {
        self.apply(&Command::Withdraw { version, by: person("author") }, NOW)
    }

    pub(super) fn pass(&mut self, seconds: u64, now: UnixTime) -> Vec<&'static str> {
        self.apply(&Command::Pass { seconds }, now).unwrap()
    }

    pub(super) fn in_force(&self) -> u32 {
        self.state.in_force().unwrap().number
    }
}
