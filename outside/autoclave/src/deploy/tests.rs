use super::*;

fn options(folder: &Path) -> Options {
    let binaries = folder.join("bin");
    std::fs::create_dir_all(&binaries).unwrap();
    for party in Party::STARTS {
        std::fs::write(party.binary(&binaries), "not a program").unwrap();
    }
    let model = folder.join("model.onnx");
    std::fs::write(&model, "weights").unwrap();
    let (dir, ports) = (folder.join("demo"), Ports::free().unwrap());
    Options { dir, binaries, model, ports, cache: CacheKind::InProcess }
}

#[test]
fn a_deployment_is_prepared_twice_and_keeps_its_data() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let sealed = |deployment: &Deployment| files::read(&deployment.layout.sealed_model()).unwrap();
    let first = Deployment::prepare(&options).unwrap();
    let (model, password) = (sealed(&first), first.accounts[0].password.clone());
    drop(first);
    std::fs::remove_file(&options.model).unwrap();
    let second = Deployment::prepare(&options).unwrap();
    assert_eq!(sealed(&second), model);
    assert_eq!(second.accounts[0].password, password);
}

#[test]
fn one_folder_is_one_deployment_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let _first = Deployment::prepare(&options).unwrap();
    let second = Deployment::prepare(&options).err().unwrap();
    assert_eq!(second.code(), "deploy.running_already");
}

#[test]
fn what_is_missing_is_said_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.model = folder.path().join("nowhere.onnx");
    assert_eq!(Deployment::prepare(&options).err().unwrap().code(), "deploy.no_model");
    std::fs::remove_file(Party::Broker.binary(&options.binaries)).unwrap();
    let failure = Deployment::prepare(&options).err().unwrap();
    assert_eq!(failure.code(), "deploy.no_binary");
    assert!(failure.to_string().contains("cargo build"));
}

#[tokio::test]
async fn a_party_that_does_not_start_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let deployment = Deployment::prepare(&options(folder.path())).unwrap();
    let failure = deployment.start().await.err().unwrap();
    assert_eq!(failure.code(), "file.unusable");
    assert!(failure.to_string().contains("autoclave-attestor"), "{failure}");
}

#[tokio::test]
async fn taken_ports_are_said_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let _held = std::net::TcpListener::bind(options.ports.sealed(Party::Edge)).unwrap();
    let failure = Deployment::prepare(&options).unwrap().start().await.err().unwrap();
    assert_eq!(failure.code(), "ports.taken");
}
