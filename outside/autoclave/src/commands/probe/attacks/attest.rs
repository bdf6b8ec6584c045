//! Attacks on the attestor: evidence that is old, another's, altered, or of nobody it knows.
//! They belong to the probe.
//! The evidence is real, of a party of the deployment, and then spoiled.

use serde_json::{Value, json};

use crate::commands::probe::Attack;
use crate::commands::probe::forge::{self, Sign};
use crate::commands::probe::site::{Reply, Site, Tried};

const ATTEST: &str = "/attest";
/// The audience of what must not be given out.
const AUDIENCE: &str = "probe";

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "attest.nonce_own",
        tries: "evidence over a nonce that the attestor never gave out",
        refused_by: &["nonce."],
        run: |site| Box::pin(nonce_own(site)),
    },
    Attack {
        name: "attest.nonce_replayed",
        tries: "evidence that was appraised before, once more",
        refused_by: &["nonce."],
        run: |site| Box::pin(nonce_replayed(site)),
    },
    Attack {
        name: "attest.keys_swapped",
        tries: "a runtime object with the attacker's signing key in it",
        refused_by: &["evidence.report_data", "evidence."],
        run: |site| Box::pin(keys_swapped(site)),
    },
    Attack {
        name: "attest.evidence_of_another",
        tries: "the runtime object of one enclave with the evidence of another",
        refused_by: &["evidence."],
        run: |site| Box::pin(of_another(site)),
    },
    Attack {
        name: "attest.evidence_altered",
        tries: "evidence with one character of its body changed",
        refused_by: &["evidence."],
        run: |site| Box::pin(altered(site)),
    },
    Attack {
        name: "attest.evidence_debug",
        tries: "evidence that says that it is for debugging, under its old signature",
        refused_by: &["evidence."],
        run: |site| Box::pin(rewritten(site, "debug", json!(true), false)),
    },
    Attack {
        name: "attest.evidence_measurement",
        tries: "evidence of an unknown program, under a key of the attacker's",
        refused_by: &["evidence."],
        run: |site| {
            Box::pin(rewritten(
                site,
                "executable",
                json!(format!("sha256:{}", "0".repeat(64))),
                true,
            ))
        },
    },
    Attack {
        name: "attest.evidence_stale",
        tries: "evidence from 2001, under a key of the attacker's",
        refused_by: &["evidence."],
        run: |site| Box::pin(rewritten(site, "iat", json!(1_000_000_000), true)),
    },
    Attack {
        name: "attest.evidence_alg_none",
        tries: "evidence that is not signed and says so (alg none)",
        refused_by: &["evidence."],
        run: |site| Box::pin(alg_none(site)),
    },
    Attack {
        name: "attest.kind_unknown",
        tries: "evidence of a kind of TEE that there is not",
        refused_by: &["request.", "evidence.", "attest."],
        run: |site| Box::pin(kind(site, "abacus")),
    },
    Attack {
        name: "attest.kind_confused",
        tries: "software evidence that calls itself a TPM's",
        refused_by: &["request.", "evidence.", "attest."],
        run: |site| Box::pin(kind(site, "tpm")),
    },
    Attack {
        name: "attest.fields_unknown",
        tries: "a question with a member that the route does not know",
        refused_by: &["request.", "attest."],
        run: |site| Box::pin(fields_unknown(site)),
    },
    Attack {
        name: "attest.json_nested",
        tries: "JSON that is nested ten thousand times",
        refused_by: &["request.", "attest."],
        run: |site| Box::pin(text(site, "[".repeat(10_000))),
    },
    Attack {
        name: "attest.cbor",
        tries: "CBOR where JSON belongs",
        refused_by: &["request.", "attest."],
        run: |site| Box::pin(text(site, "\u{7f}\u{7f}\u{7f}".to_owned())),
    },
    Attack {
        name: "attest.body_huge",
        tries: "a question of a megabyte",
        refused_by: &["edge.body", "request.", "attest."],
        run: |site| Box::pin(text(site, " ".repeat(1024 * 1024))),
    },
];

/// A question that the attestor would answer with a token.
async fn question(site: &Site, party: &str) -> Result<Value, String> {
    let nonce = site.ask("attestor", "/attest/nonce", &Value::Null).await?;
    let path = "/.well-known/autoclave/evidence";
    let answer = site.ask(party, path, &json!({ "nonce": nonce["nonce"] })).await?;
    Ok(json!({
        "evidence": answer["evidence"], "runtime": answer["runtime"], "audience": AUDIENCE,
    }))
}

async fn nonce_own(site: &Site) -> Tried {
    let path = "/.well-known/autoclave/evidence";
    let answer = site.ask("clinic", path, &json!({ "nonce": "A".repeat(43) })).await?;
    let asked = json!({
        "evidence": answer["evidence"], "runtime": answer["runtime"], "audience": AUDIENCE,
    });
    site.json("attestor", ATTEST, &asked).await
}

async fn nonce_replayed(site: &Site) -> Tried {
    let asked = question(site, "clinic").await?;
    site.ask("attestor", ATTEST, &asked).await?;
    site.json("attestor", ATTEST, &asked).await
}

async fn keys_swapped(site: &Site) -> Tried {
    let mut asked = question(site, "clinic").await?;
    let keys = asked["runtime"]["keys"].as_array_mut().ok_or("no keys")?;
    let signing = keys.iter_mut().find(|key| key["crv"] == "P-256").ok_or("no signing key")?;
    *signing = forge::public(&site.key);
    site.json("attestor", ATTEST, &asked).await
}

async fn of_another(site: &Site) -> Tried {
    let mut asked = question(site, "clinic").await?;
    let nonce = json!({ "nonce": asked["runtime"]["nonce"] });
    let other = site.ask("broker", "/.well-known/autoclave/evidence", &nonce).await?;
    asked["evidence"] = other["evidence"].clone();
    site.json("attestor", ATTEST, &asked).await
}

async fn altered(site: &Site) -> Tried {
    let mut asked = question(site, "clinic").await?;
    let body = asked["evidence"]["body"].as_str().ok_or("evidence without a body")?;
    let middle = body.len() / 2;
    let other = if body.as_bytes()[middle] == b'A' { "B" } else { "A" };
    let body = format!("{}{other}{}", &body[..middle], &body[middle + 1..]);
    asked["evidence"]["body"] = json!(body);
    site.json("attestor", ATTEST, &asked).await
}

/// Software evidence with one claim rewritten.
async fn rewritten(site: &Site, claim: &str, value: Value, resigned: bool) -> Tried {
    let mut asked = question(site, "clinic").await?;
    let (header, mut payload, signature) = software(&asked)?;
    payload[claim] = value;
    let sign = if resigned { Sign::Own(&site.key) } else { Sign::Kept };
    asked["evidence"]["body"] = json!(forge::made(&header, &payload, &signature, &sign));
    site.json("attestor", ATTEST, &asked).await
}

async fn alg_none(site: &Site) -> Tried {
    let mut asked = question(site, "clinic").await?;
    let (mut header, payload, signature) = software(&asked)?;
    header["alg"] = json!("none");
    asked["evidence"]["body"] = json!(forge::made(&header, &payload, &signature, &Sign::Nothing));
    site.json("attestor", ATTEST, &asked).await
}

fn software(asked: &Value) -> Result<(Value, Value, String), String> {
    let is_software = asked["evidence"]["kind"] == "software";
    let body = asked["evidence"]["body"].as_str().filter(|_| is_software);
    body.and_then(forge::opened).ok_or_else(|| "the deployment's evidence is no JWS".to_owned())
}

async fn kind(site: &Site, kind: &str) -> Tried {
    let mut asked = question(site, "clinic").await?;
    asked["evidence"]["kind"] = json!(kind);
    site.json("attestor", ATTEST, &asked).await
}

async fn fields_unknown(site: &Site) -> Tried {
    let mut asked = question(site, "clinic").await?;
    asked["trust_me"] = json!(true);
    site.json("attestor", ATTEST, &asked).await
}

async fn text(site: &Site, body: String) -> Tried {
    let path = format!("/parties/attestor{ATTEST}");
    let answer = site.plain(http::Method::POST, &path, "application/json", body).await;
    // A body that is too large may end with the connection.
    Ok(answer.map_or_else(
        |_| Reply::closed("edge.body_too_large (connection closed)"),
        |answer| Reply::of(answer.status.as_u16(), &answer.body),
    ))
}
