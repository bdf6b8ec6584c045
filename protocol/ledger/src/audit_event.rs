//! A ledger's line as a FHIR R4 `AuditEvent`, after IHE's Basic Audit Log Patterns.
//! It belongs to auditors and the systems that they feed.
//! It says what the line says: codes, ids, pseudonyms and digests, never a patient's data.

use autoclave_base::Digest;
use serde_json::{Value, json};

use crate::{Entry, Hash};

/// What names a ledger.
pub const LEDGER: &str = "urn:autoclave:ledger";
/// What names a checkpoint's root.
pub const CHECKPOINT: &str = "urn:autoclave:ledger:checkpoint";

const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const EVENT_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-event-type";
const REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
const ENTITY_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";
const OURS: &str = "urn:autoclave:ledger:event";

/// The ledger that lines are of, as far as they can be proved.
pub struct Ledger<'a> {
    /// Its name.
    pub origin: &'a str,
    /// How many lines it has.
    pub size: u64,
    /// The root of its tree of that size.
    pub root: &'a Hash,
}

/// A line of the ledger with its place and its leaf's hash.
pub struct Line {
    /// Which line, from 0.
    pub index: u64,
    /// When, as RFC 3339 writes it.
    pub time: String,
    /// What, as JSON.
    pub event: Value,
    /// What the tree holds of it.
    pub leaf: Hash,
}

impl Line {
    /// The line at `index`; none where the event has no JSON form.
    pub fn of(index: u64, entry: &Entry) -> Option<Self> {
        let leaf = Hash::of_leaf(&entry.to_bytes().ok()?);
        let event = serde_json::to_value(&entry.event).ok()?;
        Some(Self { index, time: entry.time.rfc3339(), event, leaf })
    }
}

/// The Bundle's entry of a line.
pub fn entry(line: &Line, ledger: &Ledger<'_>) -> Value {
    let id = id(ledger, line);
    json!({ "fullUrl": format!("urn:uuid:{id}"), "resource": resource(&id, line, ledger) })
}

/// The same line always has the same id: a UUID of version 8 out of a digest.
pub fn id(ledger: &Ledger<'_>, line: &Line) -> String {
    let hex = Digest::of(format!("{}#{} {}", ledger.origin, line.index, line.leaf)).hex();
    format!("{}-{}-8{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
}

/// The line as a resource of that id.
pub fn resource(id: &str, line: &Line, ledger: &Ledger<'_>) -> Value {
    let (kind, subtype) = kind(line);
    let mut event = json!({
        "resourceType": "AuditEvent",
        "id": id,
        "type": kind,
        "subtype": [{ "system": OURS, "code": subtype }],
        "action": action(line),
        "recorded": line.time,
        "outcome": outcome(line),
        "agent": [agent(line, ledger)],
        "source": { "observer": device(LEDGER, ledger.origin) },
        "entity": entities(line, ledger),
    });
    if let Some(code) = member(line, "code") {
        event["outcomeDesc"] = json!(code);
    }
    if let Some(purpose) = member(line, "purpose") {
        event["purposeOfEvent"] = json!([{ "coding": [{ "system": REASON, "code": purpose }] }]);
    }
    event
}

fn member<'a>(line: &'a Line, name: &str) -> Option<&'a str> {
    line.event.get(name)?.as_str()
}

/// DICOM's word for what happened, and ours.
fn kind(line: &Line) -> (Value, &str) {
    let name = member(line, "event").unwrap_or_default();
    let (system, code, display) = match name {
        "access" | "records" => (EVENT_TYPE, "rest", "RESTful Operation"),
        "verdict" => (DICOM, "110126", "Node Authentication"),
        "release" => (DICOM, "110106", "Export"),
        "refusal" | "refusals" => (DICOM, "110113", "Security Alert"),
        "policy_change" => (DICOM, "110129", "Security Configuration"),
        "key_change" => (DICOM, "110135", "Object Security Attributes Changed"),
        _ => (DICOM, "110100", "Application Activity"),
    };
    let subtype = member(line, "action").unwrap_or(name);
    (json!({ "system": system, "code": code, "display": display }), subtype)
}

/// FHIR's letter of what was done: `C`, `R`, `U`, `D` or `E`.
pub fn action(line: &Line) -> &'static str {
    match member(line, "action").or_else(|| member(line, "event")).unwrap_or_default() {
        "create" | "admit" | "created" | "imported" | "genesis" => "C",
        "read" | "list" | "search" | "history" => "R",
        "update" | "rotated" | "policy_change" | "kept" => "U",
        "delete" | "revoked" | "destroyed" => "D",
        _ => "E",
    }
}

/// 0 is success, 4 a minor failure: somebody was refused.
fn outcome(line: &Line) -> &'static str {
    let refused = member(line, "decision") == Some("refused")
        || member(line, "status") == Some("contraindicated")
        || member(line, "event").is_some_and(|event| event.starts_with("refusal"));
    if refused { "4" } else { "0" }
}

/// Who did it: a person by id and role, a program by its workload.
fn agent(line: &Line, ledger: &Ledger<'_>) -> Value {
    if let Some(actor) = member(line, "actor").or_else(|| member(line, "by")) {
        let role = member(line, "role").unwrap_or("administrator");
        return json!({
            "who": {
                "type": "PractitionerRole",
                "identifier": { "system": "urn:autoclave:staff", "value": actor },
            },
            "role": [{ "coding": [{ "system": "urn:autoclave:role", "code": role }] }],
            "requestor": true,
        });
    }
    let program = member(line, "caller").or_else(|| member(line, "workload"));
    let mut agent = json!({
        "who": device("urn:autoclave:workload", program.unwrap_or(ledger.origin)),
        "requestor": program.is_some(),
    });
    if let Some(measurement) = member(line, "measurement") {
        agent["altId"] = json!(measurement);
    }
    agent
}

fn device(system: &str, value: &str) -> Value {
    json!({ "type": "Device", "identifier": { "system": system, "value": value } })
}

/// Whom and what it was about, what else the line says, and where its proof is.
fn entities(line: &Line, ledger: &Ledger<'_>) -> Value {
    let mut all = Vec::new();
    let several = line.event["subjects"].as_array().into_iter().flatten();
    let several = several.filter_map(Value::as_str);
    for subject in member(line, "subject").into_iter().chain(several) {
        let identifier = json!({ "system": "urn:autoclave:pseudonym", "value": subject });
        let role = json!({ "system": ENTITY_ROLE, "code": "1", "display": "Patient" });
        all.push(json!({ "what": { "identifier": identifier }, "role": role }));
    }
    let named = |name: &&str| member(line, name).is_some();
    for name in ["resource", "key", "model"].iter().filter(|name| named(name)) {
        let identifier =
            json!({ "system": format!("urn:autoclave:{name}"), "value": line.event[name] });
        all.push(json!({ "what": { "identifier": identifier } }));
    }
    let said = line.event.as_object().into_iter().flatten();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let detail = said.map(|(name, value)| json!({ "type": name, "valueString": text(value) }));
    let proof = [
        ("leafHash", line.leaf.to_string()),
        ("treeSize", ledger.size.to_string()),
        ("rootHash", ledger.root.to_string()),
    ];
    let proof = proof.map(|(name, value)| json!({ "type": name, "valueString": value }));
    let value = format!("{}#{}", ledger.origin, line.index);
    all.push(json!({
        "what": { "identifier": { "system": LEDGER, "value": value } },
        "role": { "system": ENTITY_ROLE, "code": "13", "display": "Security Resource" },
        "detail": detail.chain(proof).collect::<Vec<_>>(),
    }));
    Value::Array(all)
}
