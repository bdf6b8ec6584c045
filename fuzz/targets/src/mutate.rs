//! Changes to an input: what files and lines do to bytes, and what an attacker would. Drawn
//! from a seed, so that a run can be repeated. Nothing is known here of any format but the
//! texts and numbers that parsers look for.

use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _};

use crate::corpus::INPUT_BYTES_MAX;

/// Texts and bytes that formats are made of.
const WORDS: &[&[u8]] = &[
    b"HCLA",
    b"HCLAkPub",
    b"\xffTCG\x80\x18",
    b"Signature1",
    b"SHA384",
    b"null",
    b"{}",
    b"[]",
    b"-1",
    b"1e9",
    b"\"\"",
    b"\\u0000",
    b"\x30\x80",
    b"\x30\x82\xff\xff",
    b"\x02\x01\x00",
    b"\x9f",
    b"\xbf",
    b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xd2\x84",
    b"\x05\x00",
    b"sha256:",
    b".",
    b"alg",
    b"none",
    b"ES256",
    b"crit",
    b"kty",
    b"=",
];
/// Numbers at which lengths go wrong.
const NUMBERS: [u64; 8] =
    [0, 1, 0x7f, 0x80, 0xffff, 0x7fff_ffff, 0xffff_ffff, 0x7fff_ffff_ffff_ffff];
/// Changes to one input.
const CHANGES_MAX: u32 = 6;
/// Longest part that is taken out or put in twice.
const PART_BYTES_MAX: usize = 512;

/// A changed copy of `input`, sometimes with a part of `other`.
pub fn mutate(random: &mut StdRng, input: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..random.random_range(1..=CHANGES_MAX) {
        change(random, &mut bytes, other);
        bytes.truncate(INPUT_BYTES_MAX);
    }
    bytes
}

fn change(random: &mut StdRng, bytes: &mut Vec<u8>, other: &[u8]) {
    let at = random.random_range(0..=bytes.len());
    let end = bytes.len().min(at + random.random_range(1..=PART_BYTES_MAX));
    match random.random_range(0..9_u32) {
        0 => flip(random, bytes),
        1 => set(random, bytes),
        2 => drop(bytes.drain(at..end)),
        3 => bytes.truncate(at),
        4 => insert(bytes, at, WORDS[random.random_range(0..WORDS.len())]),
        5 => {
            let part = bytes[at..end].to_vec();
            insert(bytes, at, &part);
        }
        6 => number(random, bytes, at),
        7 => splice(random, bytes, at, other),
        _ => {
            let length = random.random_range(1..32);
            let mut part = vec![0; length];
            random.fill_bytes(&mut part);
            insert(bytes, at, &part);
        }
    }
}

fn flip(random: &mut StdRng, bytes: &mut [u8]) {
    if let Some(last) = bytes.len().checked_sub(1) {
        bytes[random.random_range(0..=last)] ^= 1 << random.random_range(0..8_u32);
    }
}

fn set(random: &mut StdRng, bytes: &mut [u8]) {
    if let Some(last) = bytes.len().checked_sub(1) {
        bytes[random.random_range(0..=last)] = random.random();
    }
}

/// A number over what stands there, in one to eight bytes of either order.
fn number(random: &mut StdRng, bytes: &mut [u8], at: usize) {
    let number = NUMBERS[random.random_range(0..NUMBERS.len())];
    let length = 1 << random.random_range(0..4_u32);
    let little = number.to_le_bytes();
    let mut part = little[..length].to_vec();
    if random.random() {
        part.reverse();
    }
    let end = bytes.len().min(at + length);
    bytes[at..end].copy_from_slice(&part[..end - at]);
}

fn splice(random: &mut StdRng, bytes: &mut Vec<u8>, at: usize, other: &[u8]) {
    if !other.is_empty() {
        let from = random.random_range(0..other.len());
        let to = other.len().min(from + random.random_range(1..=PART_BYTES_MAX));
        insert(bytes, at, &other[from..to]);
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, part: &[u8]) {
    bytes.splice(at..at, part.iter().copied());
}
