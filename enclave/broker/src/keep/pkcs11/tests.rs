//! Against `SoftHSM2`, in a folder of its own. They are run by the suite `hsm`, which
//! installs it: the module reads its configuration from the process's environment.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use crate::fixtures::cell;
use crate::keep::{Embedded, Kept};

/// Where Debian's package puts it.
const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// The token's folder comes by the suite: one process has one.
fn settings(label: &str) -> Pkcs11Settings {
    let folder = std::env::var_os("AUTOCLAVE_SOFTHSM").expect("the suite `hsm` sets it");
    let pin_file = PathBuf::from(&folder).join(format!("{label}.pin"));
    if !pin_file.exists() {
        let words =
            ["--init-token", "--free", "--label", label, "--so-pin", "9876", "--pin", "4321"];
        let made = Command::new("softhsm2-util").args(words).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        std::fs::write(&pin_file, "4321\n").unwrap();
    }
    let (module, token, key) = (MODULE.into(), label.to_owned(), "root".to_owned());
    Pkcs11Settings { module, token, pin_file, key }
}

async fn opened(folder: &Path, settings: &Pkcs11Settings) -> Result<(), TokenError> {
    let running = cell(folder).await;
    let outcome = Pkcs11::open(running.cell().clone(), settings.clone()).await.map(drop);
    running.drain().await;
    outcome
}

#[tokio::test]
#[ignore = "needs SoftHSM2: cargo xtask test hsm"]
async fn softhsm_seals_records_under_a_key_that_never_leaves_it() {
    let (folder, settings) = (tempfile::tempdir().unwrap(), settings("records"));
    let running = cell(folder.path()).await;
    let root = Arc::new(Pkcs11::open(running.cell().clone(), settings.clone()).await.unwrap());
    let keep = Arc::new(Embedded::open(running.cell().clone()).unwrap());
    let store = Kept::new(keep, root.clone());
    store.put("one", None, b"a secret").await.unwrap();
    assert_eq!(*store.get("one").await.unwrap().unwrap().bytes, b"a secret");
    // The key's value is not to be had from the token, by whoever knows the PIN.
    root.ask(|token| {
        let value = token.session.get_attributes(token.key, &[AttributeType::Value]);
        assert!(!matches!(value.as_deref(), Ok([Attribute::Value(_), ..])), "{value:?}");
        Ok(())
    })
    .await
    .unwrap();
    drop((store, root));
    running.drain().await;
    // The next life finds the same key, without an operator.
    let running = cell(folder.path()).await;
    let root = Arc::new(Pkcs11::open(running.cell().clone(), settings).await.unwrap());
    let keep = Arc::new(Embedded::open(running.cell().clone()).unwrap());
    let store = Kept::new(keep, root);
    assert_eq!(*store.get("one").await.unwrap().unwrap().bytes, b"a secret");
}

#[tokio::test]
#[ignore = "needs SoftHSM2: cargo xtask test hsm"]
async fn softhsm_opens_nothing_that_was_altered() {
    let (folder, settings) = (tempfile::tempdir().unwrap(), settings("altered"));
    let running = cell(folder.path()).await;
    let root = Pkcs11::open(running.cell().clone(), settings).await.unwrap();
    let wrapped = root.wrap(&Secret::new([7; 32])).await.unwrap();
    assert_eq!(root.unwrap(&wrapped).await.unwrap().expose(), &[7; 32]);
    for at in 0..wrapped.len() {
        let mut altered = wrapped.clone();
        altered[at] ^= 1;
        assert_eq!(root.unwrap(&altered).await.err(), Some(KeepError::Damaged), "{at}");
    }
    assert_eq!(root.unwrap(&[]).await.err(), Some(KeepError::Damaged));
}

#[tokio::test]
#[ignore = "needs SoftHSM2: cargo xtask test hsm"]
async fn softhsm_without_the_right_token_pin_or_key_opens_no_broker() {
    let (folder, good) = (tempfile::tempdir().unwrap(), settings("lost"));
    opened(folder.path(), &good).await.unwrap();
    let no_token = Pkcs11Settings { token: "elsewhere".to_owned(), ..good.clone() };
    assert_eq!(opened(folder.path(), &no_token).await.unwrap_err().code(), "root.no_token");
    let no_pin = Pkcs11Settings { pin_file: "/nowhere/pin".into(), ..good.clone() };
    assert_eq!(opened(folder.path(), &no_pin).await.unwrap_err().code(), "root.pin");
    let no_key = Pkcs11Settings { key: "another".to_owned(), ..good.clone() };
    assert_eq!(opened(folder.path(), &no_key).await.unwrap_err().code(), "root.no_key");
    // Another token with a key of the same name is not the one that sealed the records.
    let other = settings("other");
    opened(tempfile::tempdir().unwrap().path(), &other).await.unwrap();
    assert_eq!(opened(folder.path(), &other).await.unwrap_err().code(), "root.no_key");
    opened(folder.path(), &good).await.unwrap();
}
