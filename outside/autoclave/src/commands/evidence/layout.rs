//! Which evidence a folder holds, by the names of its files, and that evidence in our own
//! form. It belongs to whoever collects evidence by hand. Nothing is judged here: a file of
//! the wrong form is refused as evidence, and only one that cannot be read is an error.

use std::path::{Path, PathBuf};

use autoclave_attest::evidence::azure::read_trustee;
use autoclave_attest::evidence::{
    DcapCollateral, DcapRefusal, DcapTee, Evidence, EvidenceRefusal, TeeKind, dcap,
};
use autoclave_base::b64;
use serde_json::{Map, Value, json};

use super::bounded;
use crate::failure::{Failure, Outcome};

/// Longest file (bytes): evidence with everything it brings along.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// What a folder is known by, and what belongs to it.
const LAYOUTS: &str = "A folder of evidence holds one of:
  quote.bin, collateral.json [event_log.bin]           Intel SGX or TDX
  report.bin, vek.der, ask.der, ark.der [crl.der]      AMD SEV-SNP
  hcl_report.bin, quote.msg, quote.sig, pcrs.bin       Azure vTPM, and on SEV-SNP
    [vek.der, ask.der, ark.der], on TDX td_quote.bin [collateral.json]
  document.bin                                         AWS Nitro
  quote.msg, quote.sig, pcrs.raw, ak.pub               a TPM's quote by itself
  evidence.json                                        {\"kind\", \"body\"}, as enclaves show it;
                                                       or an Azure VM's, as Trustee has it";

/// What was found.
pub(super) enum Found {
    /// Evidence to verify.
    Evidence(Evidence),
    /// Files that cannot be evidence, whoever verifies.
    Refused(EvidenceRefusal),
}

/// Reads the evidence in `folder`; or in a file, if it is one of JSON.
pub(super) fn read(folder: &Path) -> Outcome<Found> {
    if folder.is_file() {
        return own(folder);
    }
    let folder = Folder(folder);
    if folder.has("evidence.json") {
        own(&folder.0.join("evidence.json"))
    } else if let Some(hcl) = folder.first(&["hcl_report.bin", "hcl-report.bin"]) {
        azure(&folder, &hcl)
    } else if folder.has("quote.bin") {
        dcap(&folder)
    } else if folder.has("report.bin") {
        snp(&folder)
    } else if let Some(document) = folder.first(&["document.bin", "attestation_doc.bin"]) {
        let document = b64::encode(bounded(&document, FILE_BYTES_MAX)?);
        Ok(found(TeeKind::Nitro, &json!({ "document": document })))
    } else if folder.has("quote.msg") && folder.has("ak.pub") {
        // No certificate says whose key that is.
        Ok(Found::Refused(EvidenceRefusal::TpmAk))
    } else {
        let what = format!("{} holds no evidence that is known by its names", folder.0.display());
        Err(Failure::new("evidence.no_layout", what).advise(LAYOUTS))
    }
}

struct Folder<'a>(&'a Path);

impl Folder<'_> {
    fn has(&self, name: &str) -> bool {
        self.0.join(name).exists()
    }

    fn first(&self, names: &[&str]) -> Option<PathBuf> {
        names.iter().find(|name| self.has(name)).map(|name| self.0.join(name))
    }

    fn text(&self, name: &str) -> Outcome<String> {
        bounded(&self.0.join(name), FILE_BYTES_MAX).map(b64::encode)
    }

    /// Puts a file that may be missing under `member`.
    fn optional(&self, body: &mut Map<String, Value>, member: &str, name: &str) -> Outcome {
        if self.has(name) {
            body.insert(member.to_owned(), self.text(name)?.into());
        }
        Ok(())
    }

    fn certificates(&self, body: &mut Map<String, Value>, lists: bool) -> Outcome {
        for member in ["vek", "ask", "ark"] {
            self.optional(body, member, &format!("{member}.der"))?;
        }
        if lists { self.optional(body, "crl", "crl.der") } else { Ok(()) }
    }

    /// Intel's collateral; `Ok(None)` where there is none, an inner error where it is none.
    fn collateral(&self) -> Outcome<Result<Option<DcapCollateral>, EvidenceRefusal>> {
        if !self.has("collateral.json") {
            return Ok(Ok(None));
        }
        let bytes = bounded(&self.0.join("collateral.json"), FILE_BYTES_MAX)?;
        let malformed = |_| DcapRefusal::CollateralMalformed.into();
        Ok(serde_json::from_slice(&bytes).map(Some).map_err(malformed))
    }
}

fn found(kind: TeeKind, body: &Value) -> Found {
    Found::Evidence(Evidence { kind, body: body.to_string() })
}

fn own(path: &Path) -> Outcome<Found> {
    let bytes = bounded(path, FILE_BYTES_MAX)?;
    let evidence = serde_json::from_slice(&bytes).ok().or_else(|| read_trustee(&bytes));
    Ok(evidence.map_or(Found::Refused(EvidenceRefusal::Malformed), Found::Evidence))
}

fn dcap(folder: &Folder<'_>) -> Outcome<Found> {
    let quote = bounded(&folder.0.join("quote.bin"), FILE_BYTES_MAX)?;
    let collateral = match folder.collateral()? {
        Ok(collateral) => collateral,
        Err(refusal) => return Ok(Found::Refused(refusal)),
    };
    // The TEE's number in the quote's header: 0 for SGX.
    let tee = if quote.get(4) == Some(&0) { DcapTee::Sgx } else { DcapTee::Tdx };
    let log = folder.first(&["event_log.bin", "ccel.bin"]);
    let event_log = log.map(|log| bounded(&log, FILE_BYTES_MAX)).transpose()?.map(b64::Bytes);
    Ok(Found::Evidence(dcap::Body { quote, collateral, event_log }.into_evidence(tee)))
}

fn snp(folder: &Folder<'_>) -> Outcome<Found> {
    let mut body = Map::from_iter([("report".to_owned(), folder.text("report.bin")?.into())]);
    folder.certificates(&mut body, true)?;
    Ok(found(TeeKind::Snp, &body.into()))
}

fn azure(folder: &Folder<'_>, hcl: &Path) -> Outcome<Found> {
    let pcrs = bounded(&folder.0.join("pcrs.bin"), FILE_BYTES_MAX)?;
    let pcrs: Vec<String> =
        pcrs.chunks(32).map(|pcr| autoclave_base::HexBytes::of(pcr).to_string()).collect();
    let quote = json!({
        "message": folder.text("quote.msg")?, "signature": folder.text("quote.sig")?, "pcrs": pcrs,
    });
    let hcl = b64::encode(bounded(hcl, FILE_BYTES_MAX)?);
    let mut body =
        Map::from_iter([("hcl_report".to_owned(), hcl.into()), ("quote".to_owned(), quote)]);
    let Some(domain) = folder.first(&["td_quote.bin", "td-quote.bin"]) else {
        folder.certificates(&mut body, false)?;
        return Ok(found(TeeKind::AzureSnp, &body.into()));
    };
    let domain = b64::encode(bounded(&domain, FILE_BYTES_MAX)?);
    body.insert("td_quote".to_owned(), domain.into());
    match folder.collateral()? {
        Err(refusal) => return Ok(Found::Refused(refusal)),
        Ok(None) => {}
        Ok(Some(collateral)) => {
            body.insert("collateral".to_owned(), json!(collateral));
        }
    }
    Ok(found(TeeKind::AzureTdx, &body.into()))
}
