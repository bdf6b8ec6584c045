use super::*;
use crate::fixtures::{Provider, Tamper, png};

fn verified(tamper: Tamper) -> Result<VerifiedAnswer, AnswerRefusal> {
    let provider = Provider::new();
    let body = serde_json::to_vec(&provider.json(&png(), tamper)).unwrap();
    let model = ModelName::parse("brain-mri").unwrap();
    verify(Answer::parse(&body)?, Digest::of(png()), &model, provider.own())
}

#[test]
fn an_honest_answer_is_believed() {
    let answer = verified(Tamper::Honest).ok().unwrap();
    assert_eq!(answer.finding.pixels, 812);
    assert_eq!(answer.mask_bytes, png().len());
    let stored = answer.answer.to_stored();
    let again = Answer::parse(stored.expose()).ok().unwrap();
    assert_eq!(again.mask().ok().unwrap().expose(), &png());
    assert_eq!(again.receipt, answer.answer.receipt);
    assert_eq!(again.chain.len(), 1);
    assert_eq!(again.attestor, "evidence");
    assert_eq!(again.jwks["keys"].as_array().map(Vec::len), Some(1));
}

#[test]
fn every_lie_has_its_code() {
    let cases = [
        (Tamper::OtherImage, "answer.request"),
        (Tamper::OtherResult, "answer.response"),
        (Tamper::OtherModel, "answer.model"),
        (Tamper::StrangersKey, "receipt.signature"),
        (Tamper::OtherLine, "answer.ledger"),
        (Tamper::OtherEntry, "answer.ledger"),
        (Tamper::BrokenProof, "answer.ledger"),
        (Tamper::OtherChain, "answer.chain"),
        (Tamper::MaskOfAnotherType, "answer.malformed"),
    ];
    for (tamper, code) in cases {
        assert_eq!(verified(tamper).err().map(|refusal| refusal.code()), Some(code), "{tamper:?}");
    }
}

#[test]
fn tokens_of_the_chain_are_kept_only_where_they_hold() {
    let provider = Provider::new();
    let body = serde_json::to_vec(&provider.json(&png(), Tamper::Honest)).unwrap();
    let model = ModelName::parse("brain-mri").unwrap();
    let vouched = Vouched { chain_holds: false, ..provider.own() };
    let answer = verify(Answer::parse(&body).unwrap(), Digest::of(png()), &model, vouched);
    assert!(answer.ok().unwrap().answer.chain.is_empty());
}

#[test]
fn unknown_members_are_refused() {
    let mut body = Provider::new().json(&png(), Tamper::Honest);
    body["note"] = "x".into();
    let body = serde_json::to_vec(&body).unwrap();
    assert_eq!(Answer::parse(&body).err(), Some(AnswerRefusal::Malformed));
}
