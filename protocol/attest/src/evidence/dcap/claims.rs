//! Claims out of a verified quote. The verifier's last step: everything here was signed by
//! the platform, or stands in its certificate or in Intel's collateral.

use std::collections::BTreeMap;

use autoclave_base::{Digest, HexBytes, UnixTime};
use dcap_qvl::policy::QuoteClaims;
use dcap_qvl::quote::{EnclaveReport, Report, TDReport10};

use super::policy;
use crate::evidence::{
    Claims, DcapCollateral, DcapFields, Fields, SgxFields, Tcb, TdxFields, TeeKind,
};
use crate::runtime::ReportData;

/// The claims of an enclave or a domain.
pub(super) fn claims(judged: &QuoteClaims, raw: &[u8], collateral: &DcapCollateral) -> Claims {
    let platform = platform(judged, raw, collateral);
    let claims = match &judged.report {
        Report::SgxEnclave(report) => enclave(report, platform),
        Report::TD10(report) => domain(report, None, platform),
        Report::TD15(report) => {
            domain(&report.base, Some((&report.tee_tcb_svn2, &report.mr_service_td)), platform)
        }
        Report::TD15Ex(report) => {
            let newer = (&report.base.tee_tcb_svn2, &report.base.mr_service_td);
            domain(&report.base.base, Some(newer), platform)
        }
    };
    Claims {
        hardware_id: Some(Digest::of(&judged.platform.pck.ppid)),
        tcb: Some(tcb(judged)),
        ..claims
    }
}

/// The 64 bytes of the code inside.
pub(super) fn report_data(report: &Report) -> ReportData {
    match report {
        Report::SgxEnclave(report) => report.report_data,
        Report::TD10(report) => report.report_data,
        Report::TD15(report) => report.base.report_data,
        Report::TD15Ex(report) => report.base.base.report_data,
    }
}

fn tcb(judged: &QuoteClaims) -> Tcb {
    let pck = &judged.platform.pck;
    let mut raw = pck.cpu_svn.to_vec();
    raw.extend(pck.pce_svn.to_le_bytes());
    Tcb {
        status: policy::status(judged.tcb.status),
        advisories: judged.tcb.advisory_ids.clone(),
        evaluation: Some(judged.tcb.eval_data_number),
        date: Some(judged.platform.tcb_level.tcb_date.clone()),
        raw: HexBytes::of(raw),
        collateral_expires: Some(UnixTime::from_seconds(judged.earliest_expiration_date)),
    }
}

fn platform(judged: &QuoteClaims, raw: &[u8], collateral: &DcapCollateral) -> DcapFields {
    DcapFields {
        quote_version: judged.header.version,
        fmspc: HexBytes::of(judged.platform.pck.fmspc),
        qe_svn: judged.header.qe_svn,
        pce_svn: judged.header.pce_svn,
        quote: Digest::of(raw),
        tcb_info: Digest::of(&collateral.tcb_info),
        tcb_info_chain: Digest::of(&collateral.tcb_info_issuer_chain),
        qe_identity: Digest::of(&collateral.qe_identity),
        qe_identity_chain: Digest::of(&collateral.qe_identity_issuer_chain),
        root_crl: Digest::of(&collateral.root_ca_crl),
        pck_crl: Digest::of(&collateral.pck_crl),
    }
}

/// The fields of key separation and sharing lie in what older headers call reserved.
fn enclave(report: &EnclaveReport, platform: DcapFields) -> Claims {
    let config_id = HexBytes::of(&report.reserved3[32..]);
    let config_svn = u16::from_le_bytes([report.reserved4[0], report.reserved4[1]]);
    let mut registers = BTreeMap::from([("mrenclave".to_owned(), report.mr_enclave.into())]);
    if config_id.bytes().iter().any(|byte| *byte != 0) {
        registers.insert("config_id".to_owned(), config_id.clone());
    }
    let fields = SgxFields {
        mr_enclave: report.mr_enclave.into(),
        mr_signer: report.mr_signer.into(),
        isv_prod_id: report.isv_prod_id,
        isv_svn: report.isv_svn,
        config_id,
        config_svn,
        isv_ext_prod_id: HexBytes::of(&report.reserved1[12..]),
        isv_family_id: HexBytes::of(&report.reserved4[44..]),
        attributes: report.attributes.into(),
        misc_select: report.misc_select,
        cpu_svn: report.cpu_svn.into(),
        report_data: report.report_data.into(),
        platform,
    };
    Claims {
        signer: Some(report.mr_signer.into()),
        svn: u32::from(report.isv_svn),
        fields: Some(Fields::Sgx(Box::new(fields))),
        ..Claims::of_hardware(TeeKind::Sgx, registers)
    }
}

type Newer<'a> = Option<(&'a [u8; 16], &'a [u8; 48])>;

fn domain(report: &TDReport10, newer: Newer<'_>, platform: DcapFields) -> Claims {
    let rtmrs = [&report.rt_mr0, &report.rt_mr1, &report.rt_mr2, &report.rt_mr3];
    let registers = [
        ("mrtd", &report.mr_td),
        ("mr_config_id", &report.mr_config_id),
        ("mr_owner", &report.mr_owner),
        ("mr_owner_config", &report.mr_owner_config),
        ("rtmr0", rtmrs[0]),
        ("rtmr1", rtmrs[1]),
        ("rtmr2", rtmrs[2]),
        ("rtmr3", rtmrs[3]),
    ];
    let registers = registers.map(|(name, value)| (name.to_owned(), HexBytes::of(value))).into();
    let fields = TdxFields {
        tee_tcb_svn: report.tee_tcb_svn.into(),
        tee_tcb_svn2: newer.map(|(svn, _)| svn.into()),
        mr_seam: report.mr_seam.into(),
        mr_signer_seam: report.mr_signer_seam.into(),
        seam_attributes: report.seam_attributes.into(),
        td_attributes: report.td_attributes.into(),
        xfam: report.xfam.into(),
        mr_td: report.mr_td.into(),
        mr_config_id: report.mr_config_id.into(),
        mr_owner: report.mr_owner.into(),
        mr_owner_config: report.mr_owner_config.into(),
        rtmrs: rtmrs.map(HexBytes::of),
        mr_service_td: newer.map(|(_, service)| service.into()),
        report_data: report.report_data.into(),
        platform,
    };
    Claims {
        fields: Some(Fields::Tdx(Box::new(fields))),
        ..Claims::of_hardware(TeeKind::Tdx, registers)
    }
}
