//! `receipt verify`: checks a receipt offline.
//! It belongs to whoever holds the receipt.
//! Nothing in the file is believed because it is there.

use std::path::Path;

use autoclave_attest::receipt::ReceiptBundle;
use autoclave_attest::token::VerifiedToken;
use autoclave_base::Digest;
use autoclave_base::ids::WorkloadName;
use autoclave_client::receipt::{CheckedReceipt, verify};
use autoclave_client::trust;
use serde_json::{Map, Value, json};

use crate::cli::Receipt;
use crate::failure::{Failure, Outcome};
use crate::{files, terminal};

/// The workload that signs receipts for inference.
pub(super) const DIAGNOSIS: &str = "diagnosis";

/// Runs the command.
pub fn run(command: Receipt) -> Outcome {
    let Receipt::Verify { file, trust: trust_file, image, mask, json } = command;
    let saved = SavedReceipt::read(&file)?;
    let trust = trust::read(&trust_file).map_err(|error| Failure::new(error.code(), error))?;
    let workload =
        WorkloadName::parse(DIAGNOSIS).map_err(|error| Failure::new("receipt.workload", error))?;
    let checked = verify(&saved.bundle, &trust, &workload);
    let checked = checked.map_err(|error| Failure::new(error.code(), error))?;
    saved.compare(&checked, image.as_deref(), mask.as_deref())?;
    if json {
        terminal::out(summary(&checked));
    } else {
        show(&checked, image.is_some(), mask.is_some());
    }
    Ok(())
}

/// A receipt's file: the bundle's members, and `result`, whose digest the receipt names.
pub struct SavedReceipt {
    /// The receipt with all that is needed to check it.
    pub bundle: ReceiptBundle,
    /// The result as the enclave answered it.
    pub result: Value,
}

impl SavedReceipt {
    /// Reads a file that [`Self::write`] wrote.
    pub fn read(path: &Path) -> Outcome<Self> {
        let mut members: Map<String, Value> = files::read_json(path)?;
        let missing = || Failure::malformed(path, "there is no result in it");
        let result = members.remove("result").ok_or_else(missing)?;
        let bundle = serde_json::from_value(Value::Object(members));
        let bundle = bundle.map_err(|error| Failure::malformed(path, error))?;
        Ok(Self { bundle, result })
    }

    /// Writes the file.
    pub fn write(&self, path: &Path) -> Outcome {
        let mut members =
            serde_json::to_value(&self.bundle).map_err(|error| Failure::malformed(path, error))?;
        members["result"] = self.result.clone();
        files::write_json(path, &members)
    }

    /// Compares image and mask with what the receipt is about.
    fn compare(
        &self,
        checked: &CheckedReceipt,
        image: Option<&Path>,
        mask: Option<&Path>,
    ) -> Outcome {
        let receipt = checked.receipt().receipt();
        let result = autoclave_base::jcs::digest(&self.result);
        if result != Ok(receipt.response) {
            let what = "the result in the file is not the one that the receipt is for";
            return Err(Failure::new("receipt.result", what));
        }
        if let Some(path) = image
            && Digest::of(files::read(path)?) != receipt.request
        {
            let what = format!("{} is not the image of this receipt", path.display());
            return Err(Failure::new("receipt.image", what));
        }
        if let Some(path) = mask
            && Some(files::read(path)?) != mask_of(&self.result)
        {
            let what = format!("{} is not the mask of this receipt", path.display());
            return Err(Failure::new("receipt.mask", what));
        }
        Ok(())
    }
}

/// The mask's bytes in a result.
pub fn mask_of(result: &Value) -> Option<Vec<u8>> {
    autoclave_base::b64::decode(result["mask"]["data"].as_str()?).ok()
}

/// What a checked receipt says, for programs.
pub fn summary(checked: &CheckedReceipt) -> Value {
    let token = checked.receipt().token();
    json!({
        "verified": true,
        "receipt": checked.receipt().receipt(),
        "workload": token.workload(),
        "measurement": token.measurement(),
        "hw_backed": token.claims().hw_backed,
        "chain": checked.chain().map(|chain| chain.iter().map(component).collect::<Vec<_>>()),
        "attestor": checked.attestor().issuer(),
        "ledger": {
            "origin": checked.proof().origin,
            "index": checked.proof().index,
            "size": checked.proof().size,
        },
    })
}

/// One component of the chain.
fn component(token: &VerifiedToken) -> Value {
    json!({
        "workload": token.workload(),
        "measurement": token.measurement(),
        "token": token.digest(),
    })
}

/// A line for each component that the request came through.
fn show_chain(chain: Option<&[VerifiedToken]>) {
    let Some(chain) = chain else {
        return terminal::out("  through  (the file names its senders by digest only)");
    };
    for (index, token) in chain.iter().enumerate() {
        let head = if index == 0 { "through" } else { "then" };
        let (workload, measurement) = (token.workload(), token.measurement());
        terminal::out(format_args!("  {head:<7}  {workload} {measurement}"));
    }
}

fn show(checked: &CheckedReceipt, image: bool, mask: bool) {
    let receipt = checked.receipt().receipt();
    let token = checked.receipt().token();
    let proof = checked.proof();
    terminal::out("The receipt holds.");
    terminal::out(format_args!("  when     {}", receipt.iat.rfc3339()));
    terminal::out(format_args!("  model    {} {}", receipt.model.name, receipt.model.version));
    terminal::out(format_args!("           {}", receipt.model.digest));
    terminal::out(format_args!("  engine   {}", receipt.engine));
    terminal::out(format_args!("  code     {} {}", token.workload(), token.measurement()));
    show_chain(checked.chain());
    terminal::out(format_args!("  request  {}{}", receipt.request, said(image, "the image")));
    terminal::out(format_args!("  answer   {}{}", receipt.response, said(mask, "the mask")));
    terminal::out(format_args!("  ledger   line {} of {}", proof.index, proof.origin));
    if !token.claims().hw_backed {
        terminal::out("  NOT CONFIDENTIAL: no hardware stands behind this evidence.");
    }
}

fn said(compared: bool, what: &str) -> String {
    if compared { format!("  ({what} that you gave)") } else { String::new() }
}
