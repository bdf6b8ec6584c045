//! An enclave as a process: it starts, answers, drains when told to, and says what failed
//! without saying more.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use autoclave_attest::jwk::Jwk;
use autoclave_cell::Entropy;
use p256::ecdsa::SigningKey;
use p256::elliptic_curve::Generate as _;
use p256::pkcs8::{EncodePrivateKey as _, LineEnding};
use tempfile::TempDir;

/// The example, which cargo builds with the tests.
fn toy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/debug/examples/toy")
}

/// A folder with a platform key, a data folder and a configuration.
fn site(address: SocketAddr) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let key = SigningKey::generate_from_rng(&mut Entropy);
    let pem = key.to_pkcs8_pem(LineEnding::LF).unwrap();
    std::fs::write(folder.path().join("platform.pem"), pem.as_bytes()).unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let jwk = serde_json::to_value(Jwk::signing(key.verifying_key())).unwrap();
    let members = jwk.as_object().unwrap().iter();
    let members: Vec<_> = members.map(|(name, value)| format!("{name} = {value}")).collect();
    let config = format!(
        "[cell]\nworkload = \"attestor\"\nlisten_sealed = \"{address}\"\n\
         data_dir = \"{}\"\n[trust]\nissuer = \"x\"\nrelease_keys = [{{ {} }}]\n",
        data.display(),
        members.join(", ")
    );
    std::fs::write(folder.path().join("config.toml"), config).unwrap();
    folder
}

fn launch(folder: &Path) -> Child {
    Command::new(toy())
        .arg(folder.join("config.toml"))
        .arg("--platform")
        .arg(format!("software:{}", folder.join("platform.pem").display()))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    let _a_failed_handler_just_closes = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn a_process_serves_fails_quietly_and_drains() {
    let address = free_address();
    let folder = site(address);
    let mut child = launch(folder.path());
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = String::new();
    for line in lines.by_ref() {
        let line = line.unwrap();
        let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
        said.push_str(&line);
        if parsed["code"] == "cell.ready" {
            break;
        }
    }
    assert!(said.contains("cell.boot"), "{said}");
    assert!(get(address, "/now").contains("200 OK"));
    get(address, "/fail");
    assert!(get(address, "/readyz").contains("200 OK"), "one failed handler is not the end");
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    let rest: String = lines.map(Result::unwrap).collect();
    assert!(rest.contains("examples/toy.rs:"), "the place of the failure is told: {rest}");
    assert!(rest.contains("cell.stopped"), "{rest}");
    assert!(!rest.contains("Jane"), "{rest}");
}

#[test]
fn a_process_that_cannot_start_says_why_and_fails() {
    let folder = site(free_address());
    std::fs::remove_dir(folder.path().join("data")).unwrap();
    let output = launch(folder.path()).wait_with_output().unwrap();
    assert!(!output.status.success());
    let line: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(line["code"], "cell.failed");
    assert_eq!(line["reason"], "state.no_folder");
}
