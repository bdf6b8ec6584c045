//! What people who govern read: policies and versions as JSON. No text of another
//! institution stands in it.

use autoclave_ledger::Label;
use autoclave_policy::govern::{Governed, PolicyId, Predecessor, Stage, Version};
use serde_json::{Value, json};

use super::{Charter, decider};

/// All of one policy, without texts.
pub(super) fn policy(governed: &Governed, charter: &Charter) -> Value {
    let PolicyId { name, owner } = governed.id();
    let approvers: Vec<&Label> = charter.approvers_of(owner).map(|it| &it.name).collect();
    json!({
        "name": name,
        "owner": owner,
        "audience": charter.audience(),
        "lock_seconds": charter.lock_seconds(),
        "approvers": approvers,
        "in_force": governed.in_force().map(decider),
        "versions": governed.versions().iter().map(|it| version(it, charter)).collect::<Vec<_>>(),
    })
}

/// One version, without its text.
pub(super) fn version(version: &Version, charter: &Charter) -> Value {
    let mut answer = json!({
        "version": version.number,
        "digest": version.digest,
        "mode": version.mode,
        "author": version.author,
        "status": version.stage,
    });
    if let Stage::Locked { since, served_seconds, proposal, .. } = &version.stage {
        let left = charter.lock_seconds().saturating_sub(*served_seconds);
        let due = since.plus(charter.lock_seconds()).max(proposal.not_before);
        answer["lock"] = json!({ "seconds_left": left, "not_before": due });
    }
    answer
}

/// One version with its text, and what an approver would sign of it.
pub(super) fn whole(governed: &Governed, of: &Version, charter: &Charter) -> Value {
    let mut answer = version(of, charter);
    answer["text"] = json!(of.text);
    if let Stage::Proposed { proposal, .. } = &of.stage {
        answer["to_approve"] = to_approve(governed.id(), of, &proposal.predecessor, charter);
        answer["to_approve"]["not_before"] = json!(proposal.not_before);
    }
    answer
}

fn to_approve(id: &PolicyId, of: &Version, after: &Predecessor, charter: &Charter) -> Value {
    json!({
        "aud": charter.audience(),
        "policy": id.name,
        "owner": id.owner,
        "version": of.number,
        "digest": of.digest,
        "predecessor": after,
        "mode": of.mode,
    })
}
