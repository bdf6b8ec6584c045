use super::*;
use crate::fixtures::NOW;

fn proof(number: u8) -> Digest {
    Digest::of([number])
}

#[test]
fn a_proof_counts_once() {
    let mut book = ProofBook::default();
    assert_eq!(book.admit(proof(1), NOW.plus(5), NOW), Ok(()));
    assert_eq!(book.admit(proof(1), NOW.plus(5), NOW), Err(BookRefusal::Replayed));
    assert_eq!(book.admit(proof(2), NOW.plus(5), NOW), Ok(()));
}

#[test]
fn a_proof_is_remembered_to_its_last_second() {
    let mut book = ProofBook::default();
    book.admit(proof(1), NOW.plus(5), NOW).unwrap();
    let last = NOW.plus(5);
    assert_eq!(book.admit(proof(1), last, last), Err(BookRefusal::Replayed));
    book.admit(proof(2), NOW.plus(9), NOW.plus(6)).unwrap();
    assert_eq!(book.seen.len(), 1, "the first is forgotten");
}

#[test]
fn a_clock_that_steps_forth_and_back_makes_no_proof_count_twice() {
    let mut book = ProofBook::default();
    book.admit(proof(1), NOW.plus(5), NOW).unwrap();
    book.admit(proof(2), NOW.plus(3600), NOW.plus(3000)).unwrap();
    assert_eq!(book.admit(proof(1), NOW.plus(5), NOW), Err(BookRefusal::Replayed));
    assert_eq!(book.admit(proof(3), NOW.plus(6), NOW), Ok(()), "what is new passes");
}

#[test]
fn a_full_book_refuses_newcomers_and_forgets_nobody() {
    let mut book = ProofBook::new(2);
    book.admit(proof(1), NOW.plus(5), NOW).unwrap();
    book.admit(proof(2), NOW.plus(9), NOW).unwrap();
    assert_eq!(book.admit(proof(3), NOW.plus(9), NOW), Err(BookRefusal::Busy));
    assert_eq!(book.admit(proof(1), NOW.plus(5), NOW), Err(BookRefusal::Replayed));
    assert_eq!(book.admit(proof(3), NOW.plus(9), NOW.plus(6)), Ok(()));
}
