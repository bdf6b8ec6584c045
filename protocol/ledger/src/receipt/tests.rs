use super::*;
use crate::audit::tests::Log;

fn proof() -> (LedgerProof, LogKey) {
    let log = Log::of(20);
    (log.proof(7, 20), log.key())
}

#[test]
fn a_proof_verifies_offline_and_yields_the_line() {
    let (proof, key) = proof();
    let json = serde_json::to_string(&proof).unwrap();
    let read: LedgerProof = serde_json::from_str(&json).unwrap();
    assert_eq!(read, proof);
    assert_eq!(read.verify(&key).unwrap().to_bytes().unwrap(), proof.entry.as_bytes());
}

#[test]
fn another_line_index_size_or_origin_is_refused() {
    let (proof, key) = proof();
    let other = |change: fn(&mut LedgerProof)| {
        let mut other = proof.clone();
        change(&mut other);
        other.verify(&key).unwrap_err().code()
    };
    assert_eq!(other(|proof| proof.index = 8), "ledger.proof_root");
    assert_eq!(other(|proof| proof.index = 20), "ledger.proof_range");
    assert_eq!(other(|proof| proof.size = 21), "ledger.proof_mismatch");
    assert_eq!(other(|proof| proof.origin.push('x')), "ledger.proof_mismatch");
    assert_eq!(other(|proof| proof.entry.push(' ')), "ledger.proof_root");
    assert_eq!(other(|proof| proof.hashes.truncate(2)), "ledger.proof_length");
    assert_eq!(other(|proof| proof.hashes.reverse()), "ledger.proof_root");
    assert_eq!(other(|proof| proof.checkpoint.clear()), "ledger.checkpoint_malformed");
    assert_eq!(
        other(|proof| proof.checkpoint = proof.checkpoint.replacen("20", "21", 1)),
        "ledger.checkpoint_signature",
    );
}

#[test]
fn another_logs_key_is_refused() {
    let (proof, _) = proof();
    let key = ed25519_dalek::SigningKey::from_bytes(&[77; 32]).verifying_key();
    let key = LogKey::new(&proof.origin, key).unwrap();
    assert_eq!(proof.verify(&key).unwrap_err().code(), "ledger.checkpoint_signature");
}

#[test]
fn unknown_members_are_refused() {
    let (proof, _) = proof();
    let json = serde_json::to_string(&proof).unwrap().replacen('{', r#"{"more":1,"#, 1);
    assert!(serde_json::from_str::<LedgerProof>(&json).is_err());
}

#[test]
fn the_textual_form_is_the_one_of_c2sp() {
    let (proof, _) = proof();
    let text = proof.to_tlog_proof();
    let (head, checkpoint) = text.split_once("\n\n").unwrap();
    assert_eq!(checkpoint, proof.checkpoint);
    let lines: Vec<&str> = head.lines().collect();
    assert_eq!(lines[..2], ["c2sp.org/tlog-proof@v1", "index 7"]);
    let hashes: Vec<Hash> = lines[2..].iter().map(|line| line.parse().unwrap()).collect();
    assert_eq!(hashes, proof.hashes);
}
