//! `model seal`: seals a model on its owner's machine.
//! It belongs to the diagnostics provider.
//! The clear model and its key are never sent anywhere by this command.

use std::path::Path;

use autoclave_base::ids::ModelName;
use autoclave_base::{Digest, Secret, b64};
use autoclave_client::clock::random;
use autoclave_seal::file;
use serde_json::json;

use crate::cli::Model;
use crate::failure::{Failure, Outcome};
use crate::{files, terminal};

/// Bytes of a model's key.
const KEY_BYTES: usize = 32;

/// Runs the command.
pub fn run(command: Model) -> Outcome {
    let Model::Seal { model, out, key_out, name } = command;
    let name = name_of(&model, name.as_deref())?;
    if key_out.exists() {
        let what = format!("{} exists; keys are never overwritten", key_out.display());
        return Err(Failure::new("model.key_exists", what));
    }
    let digest = seal(&model, &name, &out, &key_out)?;
    terminal::out(json!({
        "model": name, "digest": digest, "sealed": out, "key": key_out,
    }));
    terminal::note(
        "Keep the key's file; import it into your broker, then move it off this machine.",
    );
    Ok(())
}

/// Seals `model` under a new key; the digest of the clear model.
pub fn seal(model: &Path, name: &ModelName, out: &Path, key_out: &Path) -> Outcome<Digest> {
    let mut key = [0; KEY_BYTES];
    rand::Rng::fill_bytes(&mut random(), &mut key);
    let key = Secret::new(key);
    let (sealed, digest) = sealed(model, name, &key)?;
    files::write_private(key_out, format!("{}\n", b64::encode(key.expose())))?;
    files::write(out, sealed)?;
    Ok(digest)
}

/// Seals `model` under the key that an earlier version was sealed under; its new digest.
pub fn seal_again(model: &Path, name: &ModelName, out: &Path, key: &Path) -> Outcome<Digest> {
    let (sealed, digest) = sealed(model, name, &read_key(key)?)?;
    files::write(out, sealed)?;
    Ok(digest)
}

fn sealed(
    model: &Path,
    name: &ModelName,
    key: &Secret<[u8; KEY_BYTES]>,
) -> Outcome<(Vec<u8>, Digest)> {
    let clear = files::read(model)?;
    if clear.is_empty() {
        return Err(Failure::new("model.empty", format!("{} is empty", model.display())));
    }
    let sealed = file::seal_bytes(&mut random(), key, &context(name), &clear);
    let sealed = sealed.map_err(|refusal| Failure::new(refusal.code(), refusal))?;
    Ok((sealed, Digest::of(&clear)))
}

/// Reads a key's file as [`seal`] writes it.
pub fn read_key(path: &Path) -> Outcome<Secret<[u8; KEY_BYTES]>> {
    let text = files::read_text(path)?;
    let key = b64::decode_array(text.trim());
    key.map(Secret::new).map_err(|error| Failure::malformed(path, error))
}

/// What a sealed model is bound to.
fn context(name: &ModelName) -> String {
    format!("model:{name}")
}

fn name_of(model: &Path, given: Option<&str>) -> Outcome<ModelName> {
    let stem = model.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let name = ModelName::parse(given.unwrap_or(stem));
    name.map_err(|error| Failure::new("model.name", error).advise("Give one with --name."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_model_opens_with_its_key_and_name_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("m.onnx"), "weights").unwrap();
        let name = ModelName::parse("m").unwrap();
        let digest = seal(&path("m.onnx"), &name, &path("m.sealed"), &path("m.key")).unwrap();
        assert_eq!(digest, Digest::of("weights"));
        let (sealed, key) =
            (files::read(&path("m.sealed")).unwrap(), read_key(&path("m.key")).unwrap());
        assert!(!sealed.windows(7).any(|window| window == b"weights"));
        assert_eq!(file::open_bytes(&key, "model:m", &sealed).unwrap(), b"weights");
        assert!(file::open_bytes(&key, "model:n", &sealed).is_err());

        std::fs::write(path("m.onnx"), "better weights").unwrap();
        let again = seal_again(&path("m.onnx"), &name, &path("m.sealed"), &path("m.key")).unwrap();
        assert_eq!(again, Digest::of("better weights"));
        let sealed = files::read(&path("m.sealed")).unwrap();
        assert_eq!(file::open_bytes(&key, "model:m", &sealed).unwrap(), b"better weights");
    }

    #[test]
    fn a_key_is_never_overwritten_and_nothing_is_not_a_model() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("m.onnx"), "").unwrap();
        std::fs::write(path("old.key"), "old").unwrap();
        let command = |key: &str| Model::Seal {
            model: path("m.onnx"),
            out: path("out"),
            key_out: path(key),
            name: None,
        };
        assert_eq!(run(command("old.key")).unwrap_err().code(), "model.key_exists");
        assert_eq!(run(command("new.key")).unwrap_err().code(), "model.empty");
        assert!(!path("new.key").exists() && !path("out").exists());
    }

    #[test]
    fn names_are_checked() {
        assert!(name_of(Path::new("/x/brain-mri.onnx"), None).is_ok());
        assert_eq!(name_of(Path::new("/x/My Model.onnx"), None).unwrap_err().code(), "model.name");
    }
}
