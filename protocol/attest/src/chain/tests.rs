//! Every bad chain of which we could think, each refused with its own code.

use p256::ecdsa::SigningKey;
use rand::rngs::StdRng;

use super::*;
use crate::book::ProofBook;
use crate::fixtures::{
    AUDIENCE, ISSUER, NOW, World, expectation, jwk, key, nonce, rng, runtime, subject, workload,
};
use crate::jws;
use crate::token::{Expectation, TOKEN_LIFE_SECONDS, TokenRefusal, VerifiedToken};

const CLINIC: u8 = 11;
const CACHE: u8 = 12;
const DIAGNOSIS: u8 = 13;
const BODY: &[u8] = b"an image";

struct Party {
    token: VerifiedToken,
    key: SigningKey,
}

impl Party {
    /// `name` is on the manifest; the cache of these tests runs the broker's code.
    fn new(name: &str, seed: u8) -> Self {
        Self { token: World::new().token(name, &key(seed)), key: key(seed) }
    }

    fn signer(&self) -> Signer<'_> {
        Signer { token: &self.token, key: &self.key }
    }
}

fn thumbprint(seed: u8) -> Thumbprint {
    jwk(&key(seed)).thumbprint()
}

fn facts() -> Facts<'static> {
    Facts { method: "POST", target: "/diagnose/brain-mri", body: Digest::of(BODY) }
}

fn policy() -> ChainPolicy {
    let chain = |names: &[&str]| names.iter().map(|name| workload(name)).collect();
    let accepted =
        vec![chain(&["clinic"]), chain(&["clinic", "broker"]), chain(&["broker", "clinic"])];
    ChainPolicy { accepted, expectation: expectation() }
}

/// The clinic calls diagnosis itself.
fn direct(rng: &mut StdRng) -> Vec<Link> {
    let clinic = Party::new("clinic", CLINIC);
    extend(&[], clinic.signer(), thumbprint(DIAGNOSIS), facts(), rng, NOW)
}

/// The clinic calls the cache, and the cache calls diagnosis.
fn through_cache(rng: &mut StdRng) -> Vec<Link> {
    let (clinic, cache) = (Party::new("clinic", CLINIC), Party::new("broker", CACHE));
    let first = Facts { method: "GET", target: "/cached", body: Digest::of("") };
    let earlier = extend(&[], clinic.signer(), thumbprint(CACHE), first, rng, NOW);
    extend(&earlier, cache.signer(), thumbprint(DIAGNOSIS), facts(), rng, NOW)
}

fn check_at(links: &[Link], now: UnixTime) -> Result<VerifiedChain, ChainRefusal> {
    let mut book = ProofBook::default();
    let keys = World::new().keys();
    verify(Some(&encode(links)), facts(), thumbprint(DIAGNOSIS), &keys, &policy(), &mut book, now)
}

fn check(links: &[Link]) -> Result<VerifiedChain, ChainRefusal> {
    check_at(links, NOW)
}

fn refusal(links: &[Link]) -> ChainRefusal {
    check(links).unwrap_err()
}

/// The last link with another proof, by the right key.
fn with_proof(mut links: Vec<Link>, seed: u8, change: impl FnOnce(&mut Proof)) -> Vec<Link> {
    let link = links.last_mut().unwrap();
    let parsed = jws::Unverified::parse(&link.proof, PROOF_TYP).unwrap();
    let mut proof: Proof = parsed.peek().unwrap();
    change(&mut proof);
    link.proof = jws::sign(PROOF_TYP, &thumbprint(seed).to_string(), &proof, &key(seed));
    links
}

#[test]
fn a_good_chain_names_all_components_in_order() {
    let links = through_cache(&mut rng(1));
    let chain = check(&links).unwrap();
    let names: Vec<_> = chain.tokens().iter().map(|token| token.workload().as_str()).collect();
    assert_eq!(names, ["clinic", "broker"]);
    assert_eq!(chain.caller().thumbprint(), thumbprint(CACHE));
    assert_eq!(chain.links(), links);
    assert_eq!(chain.digests(), links.iter().map(|l| Digest::of(&l.token)).collect::<Vec<_>>());
    assert_eq!(check(&direct(&mut rng(1))).unwrap().tokens().len(), 1);
}

#[test]
fn no_chain_and_what_is_none_are_refused() {
    let keys = World::new().keys();
    let with = |header: Option<&str>| {
        let mut book = ProofBook::default();
        let to = thumbprint(DIAGNOSIS);
        verify(header, facts(), to, &keys, &policy(), &mut book, NOW).unwrap_err()
    };
    assert_eq!(with(None), ChainRefusal::Missing);
    let long = "A".repeat(HEADER_BYTES_MAX + 4);
    let many = encode(&vec![direct(&mut rng(1))[0].clone(); LINKS_MAX + 1]);
    for header in ["", "[]", &encode(&[]), &b64::encode("{}"), &long, &many] {
        assert_eq!(with(Some(header)), ChainRefusal::Malformed);
    }
}

#[test]
fn a_missing_link_is_refused() {
    let mut links = through_cache(&mut rng(1));
    let clinic_only = vec![links[0].clone()];
    assert_eq!(refusal(&clinic_only), ChainRefusal::Order, "meant for the cache, not for us");
    links.remove(0);
    assert_eq!(refusal(&links), ChainRefusal::Order, "the cache names the link before it");
}

#[test]
fn a_swapped_link_is_refused() {
    let mut links = through_cache(&mut rng(1));
    links.swap(0, 1);
    assert_eq!(refusal(&links), ChainRefusal::Order);
    let mut tokens_only = through_cache(&mut rng(1));
    let token = tokens_only[0].token.clone();
    tokens_only[0].token = std::mem::replace(&mut tokens_only[1].token, token);
    assert_eq!(refusal(&tokens_only), ChainRefusal::Proof);
}

#[test]
fn a_link_put_in_from_another_request_is_refused() {
    let mut links = through_cache(&mut rng(1));
    links[0] = direct(&mut rng(2)).remove(0);
    assert_eq!(refusal(&links), ChainRefusal::Order, "it was meant for diagnosis");
    let doubled = [direct(&mut rng(1)), direct(&mut rng(2))].concat();
    assert_eq!(refusal(&doubled), ChainRefusal::Order);
}

#[test]
fn a_chain_of_another_workload_is_refused() {
    let attestor = Party::new("attestor", 14);
    let to = thumbprint(DIAGNOSIS);
    let links = extend(&[], attestor.signer(), to, facts(), &mut rng(1), NOW);
    assert_eq!(refusal(&links), ChainRefusal::NotAccepted);
    let cache = Party::new("broker", CACHE);
    let alone = extend(&[], cache.signer(), to, facts(), &mut rng(1), NOW);
    assert_eq!(refusal(&alone), ChainRefusal::NotAccepted, "only behind the clinic");
}

#[test]
fn a_replayed_proof_is_refused() {
    let (links, mut book) = (direct(&mut rng(1)), ProofBook::default());
    let mut again = |now| {
        let keys = World::new().keys();
        let (header, to) = (encode(&links), thumbprint(DIAGNOSIS));
        verify(Some(&header), facts(), to, &keys, &policy(), &mut book, now)
    };
    assert!(again(NOW).is_ok());
    assert_eq!(again(NOW).unwrap_err(), ChainRefusal::Replayed);
    let last = NOW.plus(PROOF_AGE_MAX_SECONDS);
    assert_eq!(again(last).unwrap_err(), ChainRefusal::Replayed);
    assert_eq!(again(last.plus(1)).unwrap_err(), ChainRefusal::Stale);
}

#[test]
fn a_refused_chain_leaves_no_trace_in_the_book() {
    let (links, mut book) = (direct(&mut rng(1)), ProofBook::default());
    let keys = World::new().keys();
    let mut with = |facts| {
        let to = thumbprint(DIAGNOSIS);
        verify(Some(&encode(&links)), facts, to, &keys, &policy(), &mut book, NOW)
    };
    let other = Facts { body: Digest::of("another image"), ..facts() };
    assert_eq!(with(other).unwrap_err(), ChainRefusal::Proof);
    assert!(with(facts()).is_ok());
}

#[test]
fn an_earlier_link_may_stand_behind_two_requests() {
    let (clinic, cache) = (Party::new("clinic", CLINIC), Party::new("broker", CACHE));
    let (rng, mut book) = (&mut rng(1), ProofBook::default());
    let earlier = extend(&[], clinic.signer(), thumbprint(CACHE), facts(), rng, NOW);
    for _ in 0..2 {
        let to = thumbprint(DIAGNOSIS);
        let links = extend(&earlier, cache.signer(), to, facts(), rng, NOW);
        let keys = World::new().keys();
        verify(Some(&encode(&links)), facts(), to, &keys, &policy(), &mut book, NOW).unwrap();
    }
}

#[test]
fn stale_and_future_proofs_are_refused() {
    let links = direct(&mut rng(1));
    assert!(check_at(&links, NOW.plus(PROOF_AGE_MAX_SECONDS)).is_ok());
    let late = NOW.plus(PROOF_AGE_MAX_SECONDS + 1);
    assert_eq!(check_at(&links, late).unwrap_err(), ChainRefusal::Stale);
    let future = with_proof(links, CLINIC, |proof| proof.iat = NOW.plus(31));
    assert_eq!(refusal(&future), ChainRefusal::Stale);
}

#[test]
fn a_proof_for_another_recipient_is_refused() {
    let clinic = Party::new("clinic", CLINIC);
    let links = extend(&[], clinic.signer(), thumbprint(CACHE), facts(), &mut rng(1), NOW);
    assert_eq!(refusal(&links), ChainRefusal::Order);
}

#[test]
fn a_proof_for_another_request_is_refused() {
    let changes: [fn(&mut Proof); 3] = [
        |proof| proof.htm = "PUT".to_owned(),
        |proof| proof.htu = "/diagnose/other".to_owned(),
        |proof| proof.digest = Digest::of("another image"),
    ];
    for change in changes {
        let links = with_proof(direct(&mut rng(1)), CLINIC, change);
        assert_eq!(refusal(&links), ChainRefusal::Proof);
    }
}

#[test]
fn a_proof_by_another_key_is_refused() {
    let mut links = direct(&mut rng(1));
    let stolen = with_proof(links.clone(), 66, |_| ());
    assert_eq!(refusal(&stolen), ChainRefusal::Proof, "under the thief's name");
    let parsed = jws::Unverified::parse(&links[0].proof, PROOF_TYP).unwrap();
    let proof: Proof = parsed.peek().unwrap();
    links[0].proof = jws::sign(PROOF_TYP, &thumbprint(CLINIC).to_string(), &proof, &key(66));
    assert_eq!(refusal(&links), ChainRefusal::Proof, "under the owner's name");
}

#[test]
fn a_proof_for_another_token_or_other_earlier_links_is_refused() {
    let other = with_proof(direct(&mut rng(1)), CLINIC, |proof| proof.tok = Digest::of("t"));
    assert_eq!(refusal(&other), ChainRefusal::Proof);
    let prev = with_proof(direct(&mut rng(1)), CLINIC, |proof| proof.prev = Digest::of("t"));
    assert_eq!(refusal(&prev), ChainRefusal::Order);
}

#[test]
fn a_link_with_a_bad_token_is_refused_with_the_token_s_reason() {
    let expired = check_at(&direct(&mut rng(1)), NOW.plus(TOKEN_LIFE_SECONDS)).unwrap_err();
    assert_eq!(expired, ChainRefusal::Link(TokenRefusal::Expired));
    let strict = ChainPolicy { expectation: Expectation::new(ISSUER, AUDIENCE), ..policy() };
    let (header, keys) = (encode(&direct(&mut rng(1))), World::new().keys());
    let (to, mut book) = (thumbprint(DIAGNOSIS), ProofBook::default());
    let refused = verify(Some(&header), facts(), to, &keys, &strict, &mut book, NOW).unwrap_err();
    assert_eq!(refused, ChainRefusal::Link(TokenRefusal::HardwareRequired));
    let unknown = World::new().claims(&subject("malware"), &runtime(&key(CLINIC), nonce(1)));
    let mut links = direct(&mut rng(1));
    links[0].token = unknown.sign(&key(3));
    assert_eq!(refusal(&links), ChainRefusal::Link(TokenRefusal::NotAffirming));
}

#[test]
fn a_full_book_refuses() {
    let (header, keys) = (encode(&direct(&mut rng(1))), World::new().keys());
    let (to, mut book) = (thumbprint(DIAGNOSIS), ProofBook::new(0));
    let refused = verify(Some(&header), facts(), to, &keys, &policy(), &mut book, NOW).unwrap_err();
    assert_eq!(refused, ChainRefusal::Busy);
}

/// The cache answers the clinic, and the clinic sends on what it got.
fn out_of_cache(rng: &mut StdRng, method: &str) -> Vec<Link> {
    let (clinic, cache) = (Party::new("clinic", CLINIC), Party::new("broker", CACHE));
    let answer = Facts { method, target: "/values/1?link=true", body: Digest::of("sealed") };
    let link = extend(&[], cache.signer(), thumbprint(CLINIC), answer, rng, NOW);
    extend(&link, clinic.signer(), thumbprint(DIAGNOSIS), facts(), rng, NOW)
}

#[test]
fn the_link_of_an_answer_stands_before_who_sends_it_on() {
    let chain = check(&out_of_cache(&mut rng(1), &answer_method("GET"))).unwrap();
    let names: Vec<_> = chain.tokens().iter().map(|token| token.workload().as_str()).collect();
    assert_eq!(names, ["broker", "clinic"]);
}

#[test]
fn an_answer_s_link_is_about_that_answer_and_no_request() {
    let (cache, method) = (Party::new("broker", CACHE), answer_method("GET"));
    let answer = Facts { method: &method, target: "/values/1", body: Digest::of("sealed") };
    let links = extend(&[], cache.signer(), thumbprint(CLINIC), answer, &mut rng(1), NOW);
    let accepted = vec![vec![workload("broker")]];
    let policy = ChainPolicy { accepted, expectation: expectation() };
    let with = |facts, to| {
        let (mut book, keys) = (ProofBook::default(), World::new().keys());
        verify(Some(&encode(&links)), facts, to, &keys, &policy, &mut book, NOW)
    };
    assert!(with(answer, thumbprint(CLINIC)).is_ok());
    let request = Facts { method: "GET", ..answer };
    let other = Facts { body: Digest::of("another value"), ..answer };
    let place = Facts { target: "/values/2", ..answer };
    for facts in [request, other, place] {
        assert_eq!(with(facts, thumbprint(CLINIC)).unwrap_err(), ChainRefusal::Proof);
    }
    assert_eq!(with(answer, thumbprint(DIAGNOSIS)).unwrap_err(), ChainRefusal::Order);
}
