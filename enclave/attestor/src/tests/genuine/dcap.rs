//! Intel's quotes, at the time at which their collateral was valid.

use std::path::Path;

use autoclave_attest::evidence::{DcapCa, DcapCollateral, DcapKey, DcapTee, Endorsements};
use autoclave_base::b64;
use autoclave_ledger::Event;
use http::StatusCode;
use serde_json::json;

use super::super::asking::parts;
use super::super::azure::error;
use super::{attest, case, hex, read, start, token};

/// A machine of Intel's.
struct Machine {
    name: &'static str,
    kind: &'static str,
    tee: DcapTee,
    fmspc: &'static str,
    at: u64,
}

const SGX: Machine = Machine {
    name: "sgx_v3_dcap_qvl_sgx_quote",
    kind: "sgx",
    tee: DcapTee::Sgx,
    fmspc: "00a067110000",
    at: 1_751_624_924,
};
const TDX: Machine = Machine {
    name: "tdx_v4_dcap_qvl_tdx_quote",
    kind: "tdx",
    tee: DcapTee::Tdx,
    fmspc: "b0c06f000000",
    at: 1_751_624_191,
};

impl Machine {
    fn collateral(&self, case: &Path) -> Endorsements {
        let collateral: DcapCollateral =
            serde_json::from_slice(&read(case, "collateral.json")).unwrap();
        let mut known = Endorsements::new();
        for ca in [DcapCa::Processor, DcapCa::Platform] {
            let key = DcapKey { tee: self.tee, fmspc: self.fmspc.parse().unwrap(), ca };
            known.insert_dcap(key, collateral.clone()).unwrap();
        }
        known
    }
}

#[tokio::test]
async fn a_genuine_sgx_quote_gets_azures_claims() {
    let Some(case) = case("dcap", SGX.name) else { return };
    let quote = read(&case, "quote.bin");
    let (life, _folder) = start(SGX.kind, &SGX.collateral(&case), SGX.at).await;
    let body = json!({"quote": b64::encode(&quote), "nonce": "1234"});
    let claims = token(&life, "SgxEnclave", &body).await;
    assert_eq!(claims["x-ms-attestation-type"], "sgx");
    assert_eq!(claims["x-ms-sgx-mrenclave"], hex(&quote[112..144]));
    assert_eq!(claims["x-ms-sgx-mrsigner"], hex(&quote[176..208]));
    assert_eq!(claims["x-ms-sgx-product-id"], u16::from_le_bytes([quote[304], quote[305]]));
    assert_eq!(claims["x-ms-sgx-svn"], u16::from_le_bytes([quote[306], quote[307]]));
    assert_eq!(claims["x-ms-sgx-is-debuggable"], false);
    assert_eq!(claims["sgx-mrenclave"], claims["x-ms-sgx-mrenclave"], "the deprecated twin");
    assert_eq!(claims["x-ms-sgx-collateral"]["quotehash"].as_str().unwrap().len(), 64);
    assert_eq!((&claims["nonce"], &claims["x-ms-ver"]), (&json!("1234"), &json!("1.0")));
    assert_eq!(claims["hw_backed"], true);
    assert!(claims["x-ms-policy-hash"].is_string());
    let mut report = [1_u32.to_le_bytes(), 2_u32.to_le_bytes()].concat();
    report.extend(u64::try_from(quote.len()).unwrap().to_le_bytes());
    report.extend(&quote);
    let body = json!({"report": b64::encode(&report)});
    let open = token(&life, "OpenEnclave", &body).await;
    assert_eq!(open["x-ms-sgx-mrenclave"], claims["x-ms-sgx-mrenclave"]);
    let bare = attest(&life, "OpenEnclave", &json!({"report": b64::encode(&quote)})).await;
    assert_eq!(error(&bare).1, "evidence.open_enclave");
    life.end().await;
}

#[tokio::test]
async fn a_quote_that_is_not_whole_gets_no_token_and_a_line() {
    let Some(case) = case("dcap", SGX.name) else { return };
    let quote = read(&case, "quote.bin");
    let (life, _folder) = start(SGX.kind, &SGX.collateral(&case), SGX.at).await;
    // Measurement, signer, report data, signature, and a quote that ends early.
    for at in [112, 176, 368, 436] {
        let mut altered = quote.clone();
        altered[at] ^= 1;
        let answer = attest(&life, "SgxEnclave", &json!({"quote": b64::encode(altered)})).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        let (_, code) = error(&answer);
        let Event::Refusal { operation, code: told, .. } = life.events().pop().unwrap() else {
            panic!()
        };
        assert_eq!((operation.as_str(), told.as_str()), ("azure_attest", code.as_str()));
    }
    let answer = attest(&life, "SgxEnclave", &json!({"quote": b64::encode(&quote[..400])})).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    life.end().await;
    let (life, _folder) = start(SGX.kind, &Endorsements::new(), SGX.at).await;
    let answer = attest(&life, "SgxEnclave", &json!({"quote": b64::encode(&quote)})).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "without collateral nothing verifies");
    life.end().await;
}

#[tokio::test]
async fn runtime_data_that_the_quote_does_not_hold_is_refused() {
    let Some(case) = case("dcap", SGX.name) else { return };
    let quote = b64::encode(read(&case, "quote.bin"));
    let (life, _folder) = start(SGX.kind, &SGX.collateral(&case), SGX.at).await;
    for (member, code) in
        [("runtimeData", "evidence.report_data"), ("initTimeData", "evidence.init_data")]
    {
        for kind in ["Binary", "JSON"] {
            let data = json!({"data": b64::encode(r#"{"a":1}"#), "dataType": kind});
            let answer = attest(&life, "SgxEnclave", &json!({"quote": quote, member: data})).await;
            assert_eq!(error(&answer).1, code);
        }
    }
    life.end().await;
}

#[tokio::test]
async fn a_policy_decides_and_a_draft_of_one_counts_nowhere() {
    let Some(case) = case("dcap", SGX.name) else { return };
    let raw = read(&case, "quote.bin");
    let quote = b64::encode(&raw);
    let (life, _folder) = start(SGX.kind, &SGX.collateral(&case), SGX.at).await;
    let draft = |condition: &str| {
        format!(
            "version=1.0; authorizationrules {{ {condition} => permit(); }}; issuancerules {{ \
             c:[type==\"x-ms-sgx-mrsigner\"] => issue(type=\"signer\", value=c.value); \
             => issue(type=\"iss\", value=\"somebody\"); }};"
        )
    };
    let body = |draft: String| json!({"quote": quote, "draftPolicyForAttestation": draft});
    let answer = attest(&life, "SgxEnclave", &body(draft(""))).await.json();
    let token = answer["token"].as_str().unwrap();
    let (header, claims) = parts(token);
    assert_eq!(header, json!({"alg": "none"}));
    assert!(token.ends_with('.'), "nobody signed it");
    assert_eq!(claims["signer"], hex(&raw[176..208]));
    assert_eq!(claims["x-ms-policy"]["signer"], claims["signer"]);
    assert_ne!(claims["iss"], "somebody", "a policy takes no claim's place");
    let strict = draft("[type==\"x-ms-sgx-is-debuggable\", value==true]");
    let answer = attest(&life, "SgxEnclave", &body(strict)).await;
    assert_eq!(error(&answer), ("PolicyEvaluationError".to_owned(), "policy.denied".to_owned()));
    life.end().await;
}

#[tokio::test]
async fn a_genuine_tdx_quote_gets_azures_claims() {
    let Some(case) = case("dcap", TDX.name) else { return };
    let quote = read(&case, "quote.bin");
    let (life, _folder) = start(TDX.kind, &TDX.collateral(&case), TDX.at).await;
    let claims = token(&life, "TdxVm", &json!({"quote": b64::encode(&quote)})).await;
    assert_eq!(claims["x-ms-attestation-type"], "tdxvm");
    assert_eq!(claims["eat_profile"], "https://aka.ms/maa-eat-profile-tdxvm");
    assert_eq!(claims["attester_tcb_status"], "UpToDate");
    let body = &quote[48..];
    assert_eq!(claims["tdx_mrseam"], hex(&body[16..64]));
    assert_eq!(claims["tdx_mrtd"], hex(&body[136..184]));
    assert_eq!(claims["tdx_rtmr0"], hex(&body[328..376]));
    assert_eq!(claims["tdx_report_data"], hex(&body[520..584]));
    assert_eq!(
        (&claims["dbgstat"], &claims["tdx_td_attributes_debug"]),
        (&json!("disabled"), &json!(false))
    );
    life.end().await;
}
