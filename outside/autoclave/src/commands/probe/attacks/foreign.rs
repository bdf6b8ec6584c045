//! Attacks on the routes that others' clients speak: Azure Attestation, the KBS protocol,
//! Azure Key Vault. They belong to the probe.
//! A route that is not served is said to be not tried, never refused.

use http::Method;
use serde_json::{Value, json};

use crate::commands::probe::Attack;
use crate::commands::probe::site::{Reply, Site, Tried};

/// The edge's word for a route that it does not relay.
const NO_ROUTE: &[&str] = &["edge.route_unknown", "request.no_route"];

macro_rules! foreign {
    ($($name:literal, $method:ident, $path:literal, $body:expr, $tries:literal;)*) => {
        &[$(Attack {
            name: $name,
            tries: $tries,
            refused_by: &[],
            run: |site| Box::pin(send(site, Method::$method, $path, $body)),
        },)*]
    };
}

pub(super) const ATTACKS: &[Attack] = foreign! {
    "maa.sgx_garbage", POST, "/attest/SgxEnclave?api-version=2022-08-01", quote(), "a quote that is none";
    "maa.tdx_garbage", POST, "/attest/TdxVm?api-version=2025-06-01", quote(), "a TDX quote that is none";
    "maa.snp_garbage", POST, "/attest/SevSnpVm?api-version=2022-08-01", report(), "an SNP report that is none";
    "maa.policy_unsigned", PUT, "/policies/SgxEnclave?api-version=2022-08-01", json!("eyJhbGciOiJub25lIn0.."), "a policy without signature";
    "maa.policy_reset", POST, "/policies/SgxEnclave:reset?api-version=2022-08-01", json!("eyJhbGciOiJub25lIn0.."), "resetting a policy without signature";
    "kbs.attest_no_session", POST, "/kbs/v0/attest", json!({ "tee-evidence": {}, "runtime-data": {} }), "evidence without a session";
    "kbs.resource_no_token", GET, "/kbs/v0/resource/default/model/brain-mri", Value::Null, "a resource without a token";
    "kbs.resource_set", POST, "/kbs/v0/resource/default/model/brain-mri", json!("overwritten"), "overwriting a resource";
    "kbs.resource_climb", GET, "/kbs/v0/resource/..%2f..%2fetc/model/x", Value::Null, "a resource's path that climbs";
    "akv.release_no_token", POST, "/keys/brain-mri/1/release?api-version=7.4", json!({ "target": "" }), "a key without a token";
    "akv.release_alg_none", POST, "/keys/brain-mri/1/release?api-version=7.4", json!({ "target": "eyJhbGciOiJub25lIn0.e30." }), "a key with a token without signature";
    "akv.key_read", GET, "/keys/brain-mri/1?api-version=7.4", Value::Null, "a key's attributes without an account";
};

fn quote() -> Value {
    json!({ "quote": "AAAA", "runtimeData": { "data": "AAAA", "dataType": "JSON" } })
}

fn report() -> Value {
    json!({ "report": "AAAA", "runtimeData": { "data": "AAAA", "dataType": "JSON" } })
}

/// Tries the route at the edge's root, and below the party that would answer it.
async fn send(site: &Site, method: Method, path: &str, body: Value) -> Tried {
    let party = if path.starts_with("/attest") || path.starts_with("/policies") {
        "attestor"
    } else {
        "broker"
    };
    let mut found = None;
    for path in [path.to_owned(), format!("/parties/{party}{path}")] {
        let (kind, body) = match &body {
            Value::Null => ("", String::new()),
            body => ("application/json", body.to_string()),
        };
        let answer = site.plain(method.clone(), &path, kind, body).await?;
        let reply = Reply::of(answer.status.as_u16(), &answer.body);
        let unserved = reply.status == 404 && NO_ROUTE.iter().any(|it| reply.code.starts_with(it));
        if !unserved {
            found = Some(reply);
        }
    }
    found.ok_or_else(|| "this deployment does not serve the route".to_owned())
}
