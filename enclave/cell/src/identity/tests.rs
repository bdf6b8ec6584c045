use super::*;

fn nonce() -> Nonce {
    Nonce::random(&mut Entropy)
}

fn key_ids(identity: &Identity) -> Vec<u8> {
    identity.runtime(nonce()).unwrap().sealing().map(|(id, _)| id).collect()
}

#[test]
fn the_runtime_object_names_all_keys() {
    let identity = Identity::new("toy", [7; 32]);
    let nonce = nonce();
    let runtime = identity.runtime(nonce).unwrap();
    assert_eq!(*runtime.nonce(), nonce);
    assert_eq!(runtime.thumbprint(), identity.thumbprint());
    assert_eq!(runtime.ledger(), Some([7; 32]));
    assert_eq!(runtime.sealing().count(), 2);
    assert_eq!(runtime.jwks(), None);
}

#[test]
fn each_life_has_its_own_keys() {
    let lives = [Identity::new("toy", [7; 32]), Identity::new("toy", [7; 32])];
    assert_ne!(lives[0].thumbprint(), lives[1].thumbprint());
}

#[test]
fn rotation_makes_new_keys_under_new_ids() {
    let identity = Identity::new("toy", [7; 32]);
    assert_eq!(key_ids(&identity), [1, 2]);
    identity.rotate();
    assert_eq!(key_ids(&identity), [3, 4]);
}

#[test]
fn only_an_attestor_names_a_key_set_and_gives_no_evidence_before() {
    let attestor = Identity::new(ATTESTOR, [7; 32]);
    assert_eq!(attestor.runtime(nonce()).unwrap_err().code(), "cell.not_ready");
    attestor.set_jwks(Digest::of("keys"));
    assert_eq!(attestor.runtime(nonce()).unwrap().jwks(), Some(&Digest::of("keys")));

    let other = Identity::new("toy", [7; 32]);
    other.set_jwks(Digest::of("keys"));
    assert_eq!(other.runtime(nonce()).unwrap().jwks(), None);
}
