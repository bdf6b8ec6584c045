use autoclave_base::UnixTime;
use serde_json::json;

use super::*;
use crate::entry::Entry;

pub(crate) fn label(text: &str) -> Label {
    Label::parse(text).unwrap()
}

fn name(text: &str) -> WorkloadName {
    WorkloadName::parse(text).unwrap()
}

/// One event of each kind, with every field present.
pub(crate) fn all() -> Vec<Event> {
    let (workload, digest) = (name("clinic"), Digest::of("x"));
    let key = KeyName::parse("model/brain-mri").unwrap();
    vec![
        Event::Genesis { workload: workload.clone() },
        Event::Boot { workload: workload.clone(), measurement: digest, token: Some(digest) },
        Event::Verdict {
            workload: workload.clone(),
            measurement: digest,
            kind: label("software"),
            status: label("affirming"),
            token: digest,
            policy: digest,
        },
        Event::Release {
            institution: Some(label("acme")),
            key: key.clone(),
            version: 3,
            workload: workload.clone(),
            measurement: digest,
            token: digest,
            policy: digest,
            rules: vec![label("release.model")],
        },
        Event::Refusal {
            operation: label("release"),
            code: label("release.refused"),
            rule: Some(label("release.model")),
            claim: Some(label("hw_backed")),
            expected: Some(label("true")),
            found: Some(label("false")),
            workload: Some(workload.clone()),
            token: Some(digest),
        },
        Event::Refusals { operation: label("attest"), count: 7 },
        Event::Result {
            model: ModelName::parse("brain-mri").unwrap(),
            model_digest: digest,
            request: digest,
            response: digest,
            token: digest,
            caller: workload.clone(),
        },
        Event::PolicyChange { name: label("release"), from: Some(digest), to: digest },
        Event::PolicyStep {
            policy: label("release"),
            owner: label("mercy"),
            version: 2,
            step: label("approved"),
            digest,
            predecessor: Some(digest),
            by: Some(label("security-officer")),
            approval: Some(digest),
        },
    ]
    .into_iter()
    .chain(of_records())
    .chain(of_keys())
    .chain(of_guests())
    .collect()
}

/// The events of records.
fn of_records() -> Vec<Event> {
    vec![
        Event::Access {
            actor: label("6f2c1e0a-9d43-4b1e-8f6a-0a1b2c3d4e5f"),
            role: label("clerk"),
            action: label("read"),
            resource: label("ImagingStudy"),
            subject: Some(Pseudonym::of(&autoclave_base::Secret::new([1; 32]), &1_u8)),
            purpose: Some(label("TREAT")),
            decision: Decision::Granted,
            rules: vec![label("clerk.read")],
        },
        Event::Records {
            actor: label("autoclave-cli"),
            role: label("system"),
            action: label("search"),
            resource: label("Observation"),
            subjects: vec![Pseudonym::of(&autoclave_base::Secret::new([1; 32]), &1_u8)],
            count: 20,
            purpose: label("TREAT"),
            decision: Decision::Granted,
            rules: vec![label("application-records")],
        },
    ]
}

/// The events of institutions' keys.
fn of_keys() -> Vec<Event> {
    let (workload, digest) = (name("clinic"), Digest::of("x"));
    let key = KeyName::parse("model/brain-mri").unwrap();
    vec![
        Event::Kept { store: label("state"), serial: 12, digest: Some(digest) },
        Event::KeyChange {
            institution: Some(label("acme")),
            key: key.clone(),
            version: 3,
            action: label("rotated"),
            by: label("administrator"),
        },
        Event::SecureRelease {
            institution: label("acme"),
            key: key.clone(),
            version: 3,
            authority: digest,
            token: digest,
            policy: digest,
            target: digest,
            wrapping: label("RSA_AES_KEY_WRAP_256"),
            by: label("administrator"),
        },
        Event::KeyUse {
            institution: label("acme"),
            key: key.clone(),
            version: 3,
            action: label("unwrap"),
            workload: workload.clone(),
            token: digest,
            rules: vec![label("use.model")],
        },
        Event::Revocation {
            institution: label("acme"),
            kind: label("workload"),
            what: label("diagnosis"),
            serial: 9,
            by: label("administrator"),
        },
        Event::BreakGlass {
            institution: label("acme"),
            case: label("7c"),
            action: label("approved"),
            key,
            workload,
            measurement: digest,
            purpose: label("emergency-care"),
            by: label("administrator"),
            until: 1_800_000_000,
        },
    ]
}

/// The events of the KBS protocol's guests.
fn of_guests() -> Vec<Event> {
    let (workload, digest) = (name("unknown"), Digest::of("x"));
    vec![
        Event::ResourceRelease {
            institution: label("hospital"),
            resource: label("default/key/1"),
            version: 2,
            workload,
            kind: label("snp"),
            measurement: digest,
            token: digest,
            policy: digest,
            rules: vec![label("guest.key")],
        },
        Event::ResourceChange {
            institution: label("hospital"),
            resource: label("default/key/1"),
            version: 2,
            action: label("created"),
            by: label("administrator"),
        },
        Event::Workload {
            domain: label("github.com/confidential-containers"),
            operation: label("PullImage"),
            content: digest,
        },
    ]
}

fn maybe(field: Option<&impl LogSafe>) -> Vec<&dyn LogSafe> {
    field.into_iter().map(|field| field as &dyn LogSafe).collect()
}

fn each(fields: &[impl LogSafe]) -> Vec<&dyn LogSafe> {
    fields.iter().map(|field| field as &dyn LogSafe).collect()
}

/// Compiles only while each field of each event is `LogSafe`; a new event stops it here, a
/// new field here or below.
fn fields(event: &Event) -> Vec<&dyn LogSafe> {
    match event {
        Event::Genesis { workload } => vec![workload],
        Event::Boot { workload, measurement, token } => {
            [vec![workload as &dyn LogSafe, measurement], maybe(token.as_ref())].concat()
        }
        Event::Verdict { workload, measurement, kind, status, token, policy } => {
            vec![workload, measurement, kind, status, token, policy]
        }
        Event::Release {
            institution,
            key,
            version,
            workload,
            measurement,
            token,
            policy,
            rules,
        } => {
            let fixed: Vec<&dyn LogSafe> = vec![key, version, workload, measurement, token, policy];
            [fixed, maybe(institution.as_ref()), each(rules)].concat()
        }
        Event::Refusal { operation, code, rule, claim, expected, found, workload, token } => {
            let said = [rule, claim, expected, found].map(|field| maybe(field.as_ref())).concat();
            let who = [maybe(workload.as_ref()), maybe(token.as_ref())].concat();
            [vec![operation as &dyn LogSafe, code], said, who].concat()
        }
        Event::Refusals { operation, count } => vec![operation, count],
        Event::Access { actor, role, action, resource, subject, purpose, decision, rules } => {
            let fixed: Vec<&dyn LogSafe> = vec![actor, role, action, resource, decision];
            [fixed, maybe(subject.as_ref()), maybe(purpose.as_ref()), each(rules)].concat()
        }
        Event::Records {
            actor,
            role,
            action,
            resource,
            subjects,
            count,
            purpose,
            decision,
            rules,
        } => {
            let fixed: Vec<&dyn LogSafe> =
                vec![actor, role, action, resource, count, purpose, decision];
            let subjects = subjects.iter().map(|subject| subject as &dyn LogSafe);
            [fixed, subjects.collect(), each(rules)].concat()
        }
        Event::Result { model, model_digest, request, response, token, caller } => {
            vec![model, model_digest, request, response, token, caller]
        }
        Event::ResourceRelease { .. }
        | Event::ResourceChange { .. }
        | Event::Workload { .. }
        | Event::PolicyChange { .. }
        | Event::PolicyStep { .. }
        | Event::Kept { .. }
        | Event::KeyChange { .. }
        | Event::SecureRelease { .. }
        | Event::KeyUse { .. }
        | Event::Revocation { .. }
        | Event::BreakGlass { .. } => fields_of_what_is_kept(event),
    }
}

/// The same for policies, keys and resources.
fn fields_of_what_is_kept(event: &Event) -> Vec<&dyn LogSafe> {
    match event {
        Event::ResourceRelease {
            institution,
            resource,
            version,
            workload,
            kind,
            measurement,
            token,
            policy,
            rules,
        } => {
            let who: Vec<&dyn LogSafe> = vec![workload, kind, measurement, token, policy];
            [vec![institution as &dyn LogSafe, resource, version], who, each(rules)].concat()
        }
        Event::ResourceChange { institution, resource, version, action, by } => {
            vec![institution, resource, version, action, by]
        }
        Event::Workload { domain, operation, content } => vec![domain, operation, content],
        Event::PolicyChange { name, from, to } => {
            [vec![name as &dyn LogSafe, to], maybe(from.as_ref())].concat()
        }
        Event::PolicyStep { policy, owner, version, step, digest, predecessor, by, approval } => {
            let fixed: Vec<&dyn LogSafe> = vec![policy, owner, version, step, digest];
            let more = [maybe(predecessor.as_ref()), maybe(approval.as_ref())].concat();
            [fixed, maybe(by.as_ref()), more].concat()
        }
        Event::Kept { store, serial, digest } => {
            [vec![store as &dyn LogSafe, serial], maybe(digest.as_ref())].concat()
        }
        Event::KeyChange { institution, key, version, action, by } => {
            [vec![key as &dyn LogSafe, version, action, by], maybe(institution.as_ref())].concat()
        }
        Event::SecureRelease {
            institution,
            key,
            version,
            authority,
            token,
            policy,
            target,
            wrapping,
            by,
        } => vec![institution, key, version, authority, token, policy, target, wrapping, by],
        Event::KeyUse { institution, key, version, action, workload, token, rules } => {
            let fixed: Vec<&dyn LogSafe> = vec![institution, key, version, action, workload, token];
            [fixed, each(rules)].concat()
        }
        Event::Revocation { institution, kind, what, serial, by } => {
            vec![institution, kind, what, serial, by]
        }
        Event::BreakGlass {
            institution,
            case,
            action,
            key,
            workload,
            measurement,
            purpose,
            by,
            until,
        } => vec![institution, case, action, key, workload, measurement, purpose, by, until],
        _ => Vec::new(),
    }
}

#[test]
fn a_line_says_nothing_but_its_log_safe_fields() {
    for event in all() {
        let said: Vec<String> = fields(&event).iter().map(ToString::to_string).collect();
        let entry = Entry { time: UnixTime::from_seconds(1), event: event.clone() };
        let json: serde_json::Value = serde_json::from_slice(&entry.to_bytes().unwrap()).unwrap();
        for (member, value) in json.as_object().unwrap() {
            let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
            for value in
                values.iter().filter(|_| !["v", "time", "event"].contains(&member.as_str()))
            {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                assert!(said.contains(&text), "{} says {text} as {member}", event.name());
            }
        }
        assert_eq!(json["event"], json!(event.name()));
    }
}
