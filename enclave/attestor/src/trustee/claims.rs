//! Our claims in Trustee's words, as its policies and those of its users look for them. The
//! attestor's. Everything here was signed by the TEE; nothing is judged, and a claim of
//! Trustee's that our verifiers do not read is left out rather than guessed.

use autoclave_attest::evidence::{Claims, Fields, SgxFields, SnpFields, TdxFields, TeeKind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// Under which name they stand.
pub(super) const fn name(kind: TeeKind) -> &'static str {
    kind.as_str()
}

/// The claims of one TEE.
pub(super) fn of(claims: &Claims) -> Value {
    let mut all = match &claims.fields {
        Some(Fields::Snp(snp)) => of_snp(snp),
        Some(Fields::Tdx(tdx)) => of_tdx(tdx),
        Some(Fields::Sgx(sgx)) => of_sgx(sgx),
        Some(Fields::Azure(_)) => of_azure(claims),
        Some(Fields::Nitro(_)) | None => registers(claims),
    };
    if let Some(tcb) = &claims.tcb {
        all.insert("tcb_status".to_owned(), json!(tcb.status));
        all.insert("advisory_ids".to_owned(), json!(tcb.advisories));
    }
    Value::Object(all)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn registers(claims: &Claims) -> Map<String, Value> {
    let registers = claims.measurements.iter();
    let mut all: Map<_, _> = registers.map(|(name, value)| (name.clone(), json!(value))).collect();
    if let Some(measured) = &claims.measured {
        all.extend(object(json!(measured)));
    }
    all.insert("svn".to_owned(), json!(claims.svn));
    all
}

/// Numbers and truths as texts, digests in base64, as Trustee's verifier writes them.
fn of_snp(snp: &SnpFields) -> Map<String, Value> {
    let bit = |word: u64, bit: u32| (word >> bit & 1 == 1).to_string();
    object(json!({
        "measurement": STANDARD.encode(snp.measurement.bytes()),
        "reported_tcb_bootloader": snp.bootloader_svn.to_string(),
        "reported_tcb_tee": snp.tee_svn.to_string(),
        "reported_tcb_snp": snp.snpfw_svn.to_string(),
        "reported_tcb_microcode": snp.microcode_svn.to_string(),
        "policy_abi_minor": (snp.policy & 0xff).to_string(),
        "policy_abi_major": (snp.policy >> 8 & 0xff).to_string(),
        "policy_smt_allowed": bit(snp.policy, 16),
        "policy_migrate_ma": bit(snp.policy, 18),
        "policy_debug_allowed": bit(snp.policy, 19),
        "policy_single_socket": bit(snp.policy, 20),
        "platform_smt_enabled": bit(snp.platform_info, 0),
        "platform_tsme_enabled": bit(snp.platform_info, 1),
        "vmpl": snp.vmpl.to_string(),
    }))
}

fn of_tdx(tdx: &TdxFields) -> Map<String, Value> {
    let [rtmr_0, rtmr_1, rtmr_2, rtmr_3] = &tdx.rtmrs;
    let attributes: Vec<u8> = tdx.td_attributes.bytes().to_vec();
    let attributes = attributes.try_into().map_or(0, u64::from_le_bytes);
    let bit = |bit: u32| attributes >> bit & 1 == 1;
    object(json!({
        "quote": {
            "header": {"version": hex_le(tdx.platform.quote_version), "tee_type": "81000000"},
            "body": {
                "tcb_svn": tdx.tee_tcb_svn, "mr_seam": tdx.mr_seam,
                "mrsigner_seam": tdx.mr_signer_seam, "seam_attributes": tdx.seam_attributes,
                "td_attributes": tdx.td_attributes, "xfam": tdx.xfam, "mr_td": tdx.mr_td,
                "mr_config_id": tdx.mr_config_id, "mr_owner": tdx.mr_owner,
                "mr_owner_config": tdx.mr_owner_config, "rtmr_0": rtmr_0, "rtmr_1": rtmr_1,
                "rtmr_2": rtmr_2, "rtmr_3": rtmr_3, "report_data": tdx.report_data,
            },
        },
        "td_attributes": {
            "debug": bit(0), "septve_disable": bit(28), "protection_keys": bit(30),
            "key_locker": bit(31), "perfmon": bit(63),
        },
    }))
}

fn of_sgx(sgx: &SgxFields) -> Map<String, Value> {
    let (flags, xfrm) = sgx.attributes.bytes().split_at(sgx.attributes.bytes().len().min(8));
    object(json!({
        "header": {
            "version": hex_le(sgx.platform.quote_version), "att_key_data_0": "00000000",
            "qe_svn": hex_le(sgx.platform.qe_svn), "pce_svn": hex_le(sgx.platform.pce_svn),
        },
        "body": {
            "cpu_svn": sgx.cpu_svn, "isv_ext_prod_id": sgx.isv_ext_prod_id,
            "attributes.flags": autoclave_base::HexBytes::of(flags),
            "attributes.xfrm": autoclave_base::HexBytes::of(xfrm),
            "mr_enclave": sgx.mr_enclave, "mr_signer": sgx.mr_signer,
            "config_id": sgx.config_id, "isv_prod_id": hex_le(sgx.isv_prod_id),
            "isv_svn": hex_le(sgx.isv_svn), "config_svn": hex_le(sgx.config_svn),
            "isv_family_id": sgx.isv_family_id, "report_data": sgx.report_data,
        },
    }))
}

/// What lies under the vTPM, and the vTPM's registers beside it as `pcr00` to `pcr23`.
fn of_azure(claims: &Claims) -> Map<String, Value> {
    let mut all = claims.layers.first().map_or_else(Map::new, |layer| object(of(layer)));
    let register = |name: &str| {
        let number: u8 = name.strip_prefix("pcr")?.parse().ok()?;
        Some(format!("pcr{number:02}"))
    };
    let registers = claims.measurements.iter();
    let registers: Map<_, _> =
        registers.filter_map(|(name, value)| Some((register(name)?, json!(value)))).collect();
    all.insert("tpm".to_owned(), Value::Object(registers));
    all
}

fn hex_le(number: u16) -> autoclave_base::HexBytes {
    autoclave_base::HexBytes::of(number.to_le_bytes())
}
