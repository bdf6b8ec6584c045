//! `release corim`: a release manifest as signed reference values that others can read.
//! It belongs to whoever answers for the code.
//! Only a manifest that verifies becomes one, and it ends when the manifest does.

use autoclave_attest::corim::{self, Corim};
use autoclave_attest::handshake::Trust;
use autoclave_attest::release::verify_manifest;
use autoclave_client::clock::now;
use autoclave_client::trust;
use p256::ecdsa::SigningKey;
use p256::pkcs8::DecodePrivateKey as _;

use crate::cli::Release;
use crate::failure::{Failure, Outcome};
use crate::{files, terminal};

/// Runs the command.
pub fn run(command: Release) -> Outcome {
    let Release::Corim { manifest, key, signer, trust, out } = command;
    let trust: Trust = trust::read(&trust).map_err(|error| Failure::new(error.code(), error))?;
    let raw = files::read_text(&manifest)?;
    let verified = verify_manifest(raw.trim(), trust.release_keys(), now())
        .map_err(|refusal| Failure::new(refusal.code(), refusal))?;
    let pem = files::read_text(&key)?;
    let signing = SigningKey::from_pkcs8_pem(&pem);
    let signing = signing.map_err(|error| Failure::malformed(&key, error))?;
    let values = Corim::of_manifest(verified.manifest());
    files::write(&out, corim::sign(&values, &signer, &signing))?;
    let count = values.references.len();
    terminal::out(format_args!("{count} reference values, {}", out.display()));
    Ok(())
}
