use std::num::NonZeroU8;
use std::path::PathBuf;

use super::*;

const ADD_ONE: &[u8] = include_bytes!("../../tests/fixtures/add-one.onnx");
const THRESHOLD: &[u8] = include_bytes!("../../tests/fixtures/threshold.onnx");
const RECIPROCAL: &[u8] = include_bytes!("../../tests/fixtures/reciprocal.onnx");
const INTEGERS: &[u8] = include_bytes!("../../tests/fixtures/integers.onnx");

fn two() -> NonZeroU8 {
    NonZeroU8::new(2).unwrap()
}

fn rten() -> Runtime {
    Runtime::start(&EngineConfig::Rten { threads: two(), runs: two() }).unwrap()
}

fn tensor(name: &str, shape: &[usize], data: &[f32]) -> Tensor {
    Tensor::new(name, shape.to_vec(), data.to_vec()).ok().unwrap()
}

#[test]
fn a_model_tells_its_inputs_and_outputs() {
    let runtime = rten();
    let model = runtime.load(THRESHOLD).unwrap();
    let spec = |name: &str, channels| TensorSpec {
        name: name.into(),
        shape: vec![None, Some(channels), Some(256), Some(256)],
    };
    assert_eq!(
        *model.spec(),
        IoSpec { inputs: vec![spec("image", 3)], outputs: vec![spec("probability", 1)] }
    );
}

#[test]
fn tensors_go_through_with_any_batch() {
    let runtime = rten();
    let model = runtime.load(ADD_ONE).unwrap();
    for rows in [1, 3] {
        let x = tensor("x", &[rows, 2], &vec![0.5; rows * 2]);
        let outputs = model.run(&[x.view()]).unwrap();
        assert_eq!(outputs.len(), 1);
        assert_eq!(outputs[0].name(), "y");
        assert_eq!(outputs[0].shape(), [rows, 2]);
        assert_eq!(outputs[0].data(), vec![1.5; rows * 2]);
    }
}

#[test]
fn wrong_inputs_never_reach_the_engine() {
    let runtime = rten();
    let model = runtime.load(ADD_ONE).unwrap();
    let code = |input: Tensor| model.run(&[input.view()]).err().map(|error| error.code());
    assert_eq!(code(tensor("z", &[1, 2], &[0.0; 2])), Some("tensor.name"));
    assert_eq!(code(tensor("x", &[1, 3], &[0.0; 3])), Some("tensor.shape"));
    assert_eq!(model.run(&[]).err().map(|error| error.code()), Some("tensor.missing"));
}

#[test]
fn a_result_that_is_not_finite_is_refused() {
    let runtime = rten();
    let model = runtime.load(RECIPROCAL).unwrap();
    let run =
        |data: &[f32]| model.run(&[tensor("x", &[1, 2], data).view()]).map(|outputs| outputs.len());
    assert!(matches!(run(&[1.0, 2.0]), Ok(1)));
    assert!(matches!(run(&[1.0, 0.0]), Err(RunError::Output)));
}

#[test]
fn other_bytes_and_other_types_are_not_loaded() {
    let runtime = rten();
    let code = |bytes: &[u8]| runtime.load(bytes).err().map(|error| error.code());
    assert_eq!(code(b"not a model"), Some("engine.load"));
    assert_eq!(code(INTEGERS), Some("engine.io_unsupported"));
}

#[test]
fn a_library_of_another_digest_is_refused_before_it_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("libonnxruntime.so");
    std::fs::write(&path, b"anything").unwrap();
    let start = |path: PathBuf, digest| {
        let library = crate::config::LibraryConfig { path, digest };
        Runtime::start(&EngineConfig::Ort { threads: two(), runs: two(), library })
            .err()
            .map(|refusal| refusal.code())
    };
    assert_eq!(start(path.clone(), Digest::of("else")), Some("engine.library_digest"));
    assert_eq!(start(path, Digest::of("anything")), Some("engine.library_load"));
    assert_eq!(
        start(folder.path().join("none"), Digest::of("")),
        Some("engine.library_unreadable")
    );
}

#[test]
fn the_label_names_the_version_in_use() {
    assert!(
        include_str!("../../../../Cargo.lock").contains("name = \"rten\"\nversion = \"0.27.0\"")
    );
    assert_eq!(rten().label(), "rten 0.27.0");
    assert_eq!(rten().library(), None);
}
