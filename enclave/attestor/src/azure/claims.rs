//! Verified claims in Azure's words: what a token says, and what a policy may look at. The
//! attestor's. Every value was signed by the TEE or follows from our verification; deprecated
//! names stand beside the new ones, as Azure has them.

use autoclave_attest::claimrules::{Claim, Issuer, Value as ClaimValue};
use autoclave_attest::evidence::{Claims, DcapFields, Fields, SgxFields, SnpFields, TdxFields};
use autoclave_base::{Digest, HexBytes, b64};
use serde_json::{Map, Value, json};

use super::Kind;
use super::request::Held;

/// `eat_profile` of tokens for TDX.
const TDX_PROFILE: &str = "https://aka.ms/maa-eat-profile-tdxvm";

/// Attribute of an enclave that uses key separation and sharing; it alone has a CONFIGID.
const SGX_KSS: u8 = 0x80;

/// What the service itself says of verified evidence.
pub(super) fn of(kind: Kind, claims: &Claims) -> Map<String, Value> {
    let mut all = match &claims.fields {
        Some(Fields::Sgx(sgx)) => of_sgx(claims, sgx),
        Some(Fields::Snp(snp)) => of_snp(claims, snp),
        Some(Fields::Tdx(tdx)) => of_tdx(claims, tdx),
        _ => Map::new(),
    };
    all.insert("x-ms-ver".to_owned(), json!("1.0"));
    all.insert("x-ms-attestation-type".to_owned(), json!(attestation_type(kind)));
    all.insert("hw_backed".to_owned(), json!(claims.hw_backed));
    all.insert("measurement".to_owned(), json!(claims.measurement));
    if let Some(tcb) = &claims.tcb {
        all.insert("attester_tcb_status".to_owned(), json!(tcb.status));
        all.insert("attester_advisory_ids".to_owned(), json!(tcb.advisories));
    }
    all
}

const fn attestation_type(kind: Kind) -> &'static str {
    match kind {
        Kind::SgxEnclave | Kind::OpenEnclave => "sgx",
        Kind::SevSnpVm => "sevsnpvm",
        Kind::TdxVm => "tdxvm",
        Kind::Tpm => "tpm",
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn of_sgx(claims: &Claims, sgx: &SgxFields) -> Map<String, Value> {
    let collateral = collateral(&sgx.platform);
    let mut all = object(json!({
        "x-ms-sgx-is-debuggable": claims.debug,
        "x-ms-sgx-product-id": sgx.isv_prod_id,
        "x-ms-sgx-mrsigner": sgx.mr_signer,
        "x-ms-sgx-mrenclave": sgx.mr_enclave,
        "x-ms-sgx-svn": sgx.isv_svn,
        "x-ms-sgx-report-data": sgx.report_data,
        "x-ms-sgx-collateral": collateral,
        "is-debuggable": claims.debug,
        "product-id": sgx.isv_prod_id,
        "sgx-mrsigner": sgx.mr_signer,
        "sgx-mrenclave": sgx.mr_enclave,
        "svn": sgx.isv_svn,
        "tee": "sgx",
        "ver": "1.0",
        "maa-attestationcollateral": collateral,
    }));
    if sgx.attributes.bytes().first().is_some_and(|flags| flags & SGX_KSS != 0) {
        all.extend(object(json!({
            "x-ms-sgx-config-id": sgx.config_id,
            "x-ms-sgx-config-svn": sgx.config_svn,
            "x-ms-sgx-isv-extended-product-id": sgx.isv_ext_prod_id,
            "x-ms-sgx-isv-family-id": sgx.isv_family_id,
        })));
    }
    all
}

/// Digests of what was used to verify, in hexadecimal digits.
fn collateral(platform: &DcapFields) -> Value {
    let hex = |digest: &Digest| HexBytes::of(digest.bytes());
    json!({
        "qeidcertshash": hex(&platform.qe_identity_chain),
        "qeidcrlhash": hex(&platform.root_crl),
        "qeidhash": hex(&platform.qe_identity),
        "quotehash": hex(&platform.quote),
        "tcbinfocertshash": hex(&platform.tcb_info_chain),
        "tcbinfocrlhash": hex(&platform.root_crl),
        "tcbinfohash": hex(&platform.tcb_info),
    })
}

fn of_snp(claims: &Claims, snp: &SnpFields) -> Map<String, Value> {
    object(json!({
        "x-ms-sevsnpvm-authorkeydigest": snp.author_key_digest,
        "x-ms-sevsnpvm-bootloader-svn": snp.bootloader_svn,
        "x-ms-sevsnpvm-familyId": snp.family_id,
        "x-ms-sevsnpvm-guestsvn": snp.guest_svn,
        "x-ms-sevsnpvm-hostdata": snp.host_data,
        "x-ms-sevsnpvm-idkeydigest": snp.id_key_digest,
        "x-ms-sevsnpvm-imageId": snp.image_id,
        "x-ms-sevsnpvm-is-debuggable": claims.debug,
        "x-ms-sevsnpvm-launchmeasurement": snp.measurement,
        "x-ms-sevsnpvm-microcode-svn": snp.microcode_svn,
        "x-ms-sevsnpvm-migration-allowed": snp.migration_allowed,
        "x-ms-sevsnpvm-reportdata": snp.report_data,
        "x-ms-sevsnpvm-reportid": snp.report_id,
        "x-ms-sevsnpvm-smt-allowed": snp.smt_allowed,
        "x-ms-sevsnpvm-snpfw-svn": snp.snpfw_svn,
        "x-ms-sevsnpvm-tee-svn": snp.tee_svn,
        "x-ms-sevsnpvm-vmpl": snp.vmpl,
    }))
}

fn of_tdx(claims: &Claims, tdx: &TdxFields) -> Map<String, Value> {
    let attributes: Result<[u8; 8], _> = tdx.td_attributes.bytes().try_into();
    let attributes = attributes.map_or(0, u64::from_le_bytes);
    let bit = |bit: u32| attributes >> bit & 1 == 1;
    let [rtmr0, rtmr1, rtmr2, rtmr3] = &tdx.rtmrs;
    object(json!({
        "dbgstat": if claims.debug { "enabled" } else { "disabled" },
        "eat_profile": TDX_PROFILE,
        "intuse": "generic",
        "tdx_mrseam": tdx.mr_seam,
        "tdx_mrsignerseam": tdx.mr_signer_seam,
        "tdx_mrtd": tdx.mr_td,
        "tdx_mrconfigid": tdx.mr_config_id,
        "tdx_mrowner": tdx.mr_owner,
        "tdx_mrownerconfig": tdx.mr_owner_config,
        "tdx_rtmr0": rtmr0, "tdx_rtmr1": rtmr1, "tdx_rtmr2": rtmr2, "tdx_rtmr3": rtmr3,
        "tdx_report_data": tdx.report_data,
        "tdx_seam_attributes": tdx.seam_attributes,
        "tdx_seamsvn": tdx.tee_tcb_svn.bytes().first().copied().unwrap_or_default(),
        "tdx_td_attributes": tdx.td_attributes,
        "tdx_td_attributes_debug": bit(0),
        "tdx_td_attributes_septve_disable": bit(28),
        "tdx_td_attributes_protection_keys": bit(30),
        "tdx_td_attributes_key_locker": bit(31),
        "tdx_td_attributes_perfmon": bit(63),
        "tdx_tee_tcb_svn": tdx.tee_tcb_svn,
        "tdx_xfam": tdx.xfam,
    }))
}

/// What the evidence vouches for, once that was checked.
pub(super) fn held(kind: Kind, runtime: Option<&Held>, init: Option<&Held>) -> Map<String, Value> {
    let mut all = Map::new();
    match runtime {
        Some(Held::Json(_, json)) => drop(all.insert("x-ms-runtime".to_owned(), json.clone())),
        Some(Held::Binary(bytes)) if matches!(kind, Kind::SgxEnclave | Kind::OpenEnclave) => {
            for name in ["x-ms-sgx-ehd", "maa-ehd", "aas-ehd"] {
                all.insert(name.to_owned(), json!(b64::encode(bytes)));
            }
        }
        _ => {}
    }
    if let Some(Held::Json(_, json)) = init {
        all.insert("x-ms-inittime".to_owned(), json.clone());
    }
    all
}

/// What a policy may look at: each text, number and truth of the service's, and of an
/// enclave's the deprecated names with `$` as well.
pub(super) fn incoming(all: &Map<String, Value>) -> Vec<Claim> {
    const DEPRECATED: [&str; 6] =
        ["is-debuggable", "sgx-mrsigner", "sgx-mrenclave", "product-id", "svn", "tee"];
    let claim = |kind: String, value| Claim { kind, value, issuer: Issuer::Service };
    let mut found = Vec::new();
    for (name, value) in all {
        let Some(value) = ClaimValue::of_json(value) else { continue };
        if DEPRECATED.contains(&name.as_str()) {
            found.push(claim(format!("${name}"), value.clone()));
        }
        found.push(claim(name.clone(), value));
    }
    found
}
