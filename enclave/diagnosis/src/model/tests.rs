use autoclave_base::ids::{KeyName, ModelName};
use autoclave_cell::Entropy;

use super::*;
use crate::config::EngineConfig;

pub(crate) const THRESHOLD: &[u8] = include_bytes!("../../tests/fixtures/threshold.onnx");
pub(crate) const ADD_ONE: &[u8] = include_bytes!("../../tests/fixtures/add-one.onnx");

fn key() -> Secret<[u8; KEY_BYTES]> {
    Secret::new([7; KEY_BYTES])
}

fn config(name: &str, onnx: &[u8], preprocessing: Preprocessing) -> ModelConfig {
    ModelConfig {
        name: ModelName::parse(name).unwrap(),
        version: "1".into(),
        file: "model.sealed".into(),
        digest: Digest::of(onnx),
        key: KeyName::parse("model/test").unwrap(),
        preprocessing,
        input: "image".into(),
        output: "probability".into(),
    }
}

fn sealed(config: &ModelConfig, onnx: &[u8]) -> Vec<u8> {
    file::seal_bytes(&mut Entropy, &key(), &context(config), onnx).unwrap()
}

fn runtime() -> Runtime {
    Runtime::start(&EngineConfig::default()).unwrap()
}

/// A model in the default engine.
pub(crate) fn resident(name: &str, onnx: &[u8], preprocessing: Preprocessing) -> Resident {
    let config = config(name, onnx, preprocessing);
    let verified =
        open(&config, &key(), &sealed(&config, onnx)).unwrap_or_else(|error| panic!("{error}"));
    verified.load(&config, &runtime()).unwrap_or_else(|error| panic!("{error}"))
}

fn code<T>(result: Result<T, ModelError>) -> Option<&'static str> {
    result.err().map(|error| error.code())
}

#[test]
fn a_sealed_model_opens_and_loads() {
    let resident = resident("brain", THRESHOLD, Preprocessing::BrainMri);
    assert_eq!(resident.label().name.as_str(), "brain");
    assert_eq!(resident.spec().inputs[0].name, "image");
}

#[test]
fn one_altered_bit_anywhere_is_refused() {
    let config = config("brain", THRESHOLD, Preprocessing::BrainMri);
    let sealed = sealed(&config, THRESHOLD);
    for at in 0..sealed.len() {
        let mut altered = sealed.clone();
        altered[at] ^= 1 << (at % 8);
        assert_eq!(code(open(&config, &key(), &altered)), Some("model.sealed"), "byte {at}");
    }
    assert_eq!(code(open(&config, &key(), &sealed[..sealed.len() - 1])), Some("model.sealed"));
}

#[test]
fn an_altered_model_that_was_sealed_well_is_refused_by_its_digest() {
    let config = config("brain", THRESHOLD, Preprocessing::BrainMri);
    let mut altered = THRESHOLD.to_vec();
    *altered.last_mut().unwrap() ^= 1;
    assert_eq!(code(open(&config, &key(), &sealed(&config, &altered))), Some("model.digest"));
}

#[test]
fn another_key_and_another_models_file_are_refused() {
    let brain = config("brain", THRESHOLD, Preprocessing::BrainMri);
    let other = config("other", THRESHOLD, Preprocessing::BrainMri);
    assert_eq!(
        code(open(&brain, &Secret::new([8; KEY_BYTES]), &sealed(&brain, THRESHOLD))),
        Some("model.sealed")
    );
    assert_eq!(code(open(&brain, &key(), &sealed(&other, THRESHOLD))), Some("model.sealed"));
}

#[test]
fn a_model_that_does_not_fit_its_preprocessing_is_refused() {
    let config = config("add", ADD_ONE, Preprocessing::BrainMri);
    let verified = open(&config, &key(), &sealed(&config, ADD_ONE)).ok().unwrap();
    assert_eq!(code(verified.load(&config, &runtime())), Some("model.preprocessing"));
    resident("add", ADD_ONE, Preprocessing::None);
}

#[test]
fn a_file_that_is_not_there_is_said_to_be_unreadable() {
    assert_eq!(code(read(Path::new("/nonexistent/model.sealed"))), Some("model.unreadable"));
}
