//! What a folder is taken for, and how the command ends.

use std::process::ExitCode;

use super::*;

fn ended(files: &[(&str, &[u8])]) -> ExitCode {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    run(&Evidence::Verify {
        folder: folder.path().to_owned(),
        at: Some(1_750_000_000),
        json: true,
        endorsements: None,
        trust: None,
    })
}

#[test]
fn a_folder_without_evidence_is_not_readable() {
    assert_eq!(ended(&[]), ExitCode::from(2));
    assert_eq!(ended(&[("readme.txt", b"x")]), ExitCode::from(2));
    let large = vec![0; 2 * 1024 * 1024];
    assert_eq!(ended(&[("quote.bin", &large)]), ExitCode::from(2));
    let half = [("hcl_report.bin", b"x".as_slice()), ("quote.msg", b"x")];
    assert_eq!(ended(&half), ExitCode::from(2), "the registers are missing");
}

#[test]
fn what_is_no_evidence_is_refused() {
    for name in ["quote.bin", "evidence.json"] {
        assert_eq!(ended(&[(name, b"")]), ExitCode::from(1), "{name}");
    }
    let quote = [0; 1000];
    let both = [("quote.bin", quote.as_slice()), ("collateral.json", b"{}")];
    assert_eq!(ended(&both), ExitCode::from(1));
    assert_eq!(ended(&[("quote.msg", b"x"), ("ak.pub", b"x")]), ExitCode::from(1));
    let software = br#"{"kind":"software","body":""}"#;
    assert_eq!(ended(&[("evidence.json", software)]), ExitCode::from(1));
}
