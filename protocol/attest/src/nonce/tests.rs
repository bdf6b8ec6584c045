use super::*;
use crate::fixtures::{NOW, nonce, rng};

#[test]
fn a_nonce_is_accepted_once() {
    let mut book = NonceBook::default();
    let (nonce, expires) = book.issue(&mut rng(1), NOW).unwrap();
    assert_eq!(expires, NOW.plus(NONCE_LIFE_SECONDS));
    assert_eq!(book.consume(&nonce, NOW), Ok(()));
    assert_eq!(book.consume(&nonce, NOW), Err(NonceRefusal::Unknown));
}

#[test]
fn a_stranger_s_nonce_is_refused() {
    let mut book = NonceBook::default();
    book.issue(&mut rng(1), NOW).unwrap();
    assert_eq!(book.consume(&nonce(2), NOW), Err(NonceRefusal::Unknown));
}

#[test]
fn a_late_nonce_is_refused_for_good() {
    let mut book = NonceBook::default();
    let (nonce, expires) = book.issue(&mut rng(1), NOW).unwrap();
    assert_eq!(book.consume(&nonce, expires), Err(NonceRefusal::Expired));
    assert_eq!(book.consume(&nonce, NOW), Err(NonceRefusal::Unknown));
}

#[test]
fn a_full_book_refuses_until_nonces_expire() {
    let (mut book, mut rng) = (NonceBook::new(2), rng(1));
    book.issue(&mut rng, NOW).unwrap();
    let (second, _) = book.issue(&mut rng, NOW.plus(1)).unwrap();
    assert_eq!(book.issue(&mut rng, NOW.plus(2)), Err(NonceRefusal::Busy));
    let later = NOW.plus(NONCE_LIFE_SECONDS);
    assert!(book.issue(&mut rng, later).is_ok(), "the first has expired");
    assert_eq!(book.consume(&second, later), Ok(()), "the second has not");
}

#[test]
fn the_book_stays_bounded_when_nonces_are_used() {
    let (mut book, mut rng) = (NonceBook::new(4), rng(1));
    for second in 0..1000 {
        let now = NOW.plus(second * NONCE_LIFE_SECONDS / 4);
        let (nonce, _) = book.issue(&mut rng, now).unwrap();
        book.consume(&nonce, now).unwrap();
        assert!(book.oldest_first.len() <= 4);
    }
    assert!(book.waiting.is_empty());
}

#[test]
fn nonces_have_one_spelling() {
    let text = nonce(1).to_string();
    assert_eq!(text.parse(), Ok(nonce(1)));
    for other in ["", "AAAA", &format!("{text}="), &format!("{text}A")] {
        assert_eq!(other.parse::<Nonce>(), Err(NonceError));
    }
}
