use super::*;
use crate::note;

/// A signer that tests of this crate share.
pub(crate) fn signer(origin: &str) -> LogSigner {
    LogSigner::new(origin, SigningKey::from_bytes(&[5; 32])).unwrap()
}

fn opened(text: &str) -> Result<Checkpoint, CheckpointRefusal> {
    let signer = signer("example.com/log");
    Checkpoint::open(&note::sign(text, &signer.public, &signer.key), signer.public())
}

const ROOT: &str = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";

#[test]
fn a_checkpoint_reads_back() {
    let signer = signer("example.com/log");
    let root = ROOT.parse().unwrap();
    let note = signer.sign(20_852_163, &root);
    assert!(note.starts_with(&format!("example.com/log\n20852163\n{ROOT}\n\n— example.com/log ")));
    let checkpoint = Checkpoint::open(&note, signer.public()).unwrap();
    assert_eq!(checkpoint.origin(), "example.com/log");
    assert_eq!(checkpoint.size(), 20_852_163);
    assert_eq!(*checkpoint.root(), root);
    assert_eq!(note, signer.sign(20_852_163, &root));
}

#[test]
fn extension_lines_are_passed_over() {
    assert!(opened(&format!("example.com/log\n0\n{ROOT}\nextension\n")).is_ok());
}

#[test]
fn what_is_no_checkpoint_is_refused_though_signed() {
    let bad = [
        "example.com/log\n".to_owned(),
        "example.com/log\n5\n".to_owned(),
        format!("\n5\n{ROOT}\n"),
        format!("example.com/log\n05\n{ROOT}\n"),
        format!("example.com/log\n+5\n{ROOT}\n"),
        format!("example.com/log\n-5\n{ROOT}\n"),
        format!("example.com/log\n18446744073709551616\n{ROOT}\n"),
        format!("example.com/log\n5\n{}\n", &ROOT[4..]),
        format!("example.com/log\n5\n{}\n", ROOT.replace('=', "")),
        format!("example.com/log\n5\n{ROOT}\n\nafter a gap\n"),
    ];
    for text in bad {
        assert_eq!(opened(&text), Err(CheckpointRefusal::Malformed), "{text:?}");
    }
}

#[test]
fn another_log_is_refused() {
    let other = format!("example.com/other\n5\n{ROOT}\n");
    assert_eq!(opened(&other), Err(CheckpointRefusal::Origin));
    let root = ROOT.parse().unwrap();
    let stranger = LogSigner::new("example.com/log", SigningKey::from_bytes(&[6; 32])).unwrap();
    let note = stranger.sign(5, &root);
    let key = signer("example.com/log");
    assert_eq!(Checkpoint::open(&note, key.public()), Err(CheckpointRefusal::Signature));
}

#[test]
fn derived_secrets_differ_by_purpose_and_key() {
    let (one, other) =
        (signer("a"), LogSigner::new("a", SigningKey::from_bytes(&[6; 32])).unwrap());
    assert!(one.derive("x").same_as(&one.derive("x")));
    assert!(!one.derive("x").same_as(&one.derive("y")));
    assert!(!one.derive("x").same_as(&other.derive("x")));
}
