//! The quote's forms; the door itself is asked by the suite `kbs`, beside a real service.

use autoclave_attest::evidence::{Evidence, TeeKind};
use serde_json::json;

use crate::quote;

#[test]
fn evidence_has_the_form_that_the_service_reads_or_none() {
    let of = |kind, body: &str| quote::of(&Evidence { kind, body: body.to_owned() });
    assert_eq!(of(TeeKind::Software, "a.b.c"), Some(json!("a.b.c")));
    assert_eq!(of(TeeKind::Tpm, "{}"), Some(json!("{}")));
    assert_eq!(of(TeeKind::Tdx, r#"{"quote":"AA"}"#), Some(json!({ "quote": "AA" })));
    assert_eq!(of(TeeKind::Tdx, "x"), None);
    assert_eq!(of(TeeKind::Snp, "{}"), None);
}
