use std::io::{Read as _, Write as _};

use super::*;
use crate::fixtures::rng;

const CONTEXT: &str = "model:brain-mri";
const SEALED_CHUNK: usize = CHUNK_BYTES + 16;

fn key() -> Secret<[u8; 32]> {
    Secret::new([7; 32])
}

fn seal(plain: &[u8]) -> Vec<u8> {
    seal_bytes(&mut rng(), &key(), CONTEXT, plain).unwrap()
}

fn plain(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

fn refused(sealed: &[u8]) -> &'static str {
    open_bytes(&key(), CONTEXT, sealed).unwrap_err().code()
}

#[test]
fn files_of_every_shape_make_the_round_trip() {
    for bytes in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES] {
        let sealed = seal(&plain(bytes));
        assert_eq!(sealed.len(), HEADER_BYTES + bytes + 16 * bytes.div_ceil(CHUNK_BYTES).max(1));
        assert_eq!(open_bytes(&key(), CONTEXT, &sealed).unwrap(), plain(bytes));
    }
}

#[test]
fn small_writes_and_reads_make_the_same_file() {
    let mut writer = FileWriter::new(&mut rng(), &key(), CONTEXT, Vec::new()).unwrap();
    let plain = plain(2 * CHUNK_BYTES + 5);
    for part in plain.chunks(999) {
        writer.write_all(part).unwrap();
        writer.flush().unwrap();
    }
    let sealed = writer.finish().unwrap();
    let mut reader = FileReader::new(&key(), CONTEXT, &sealed[..]).unwrap();
    let (mut opened, mut buf) = (Vec::new(), [0; 777]);
    loop {
        let count = reader.read(&mut buf).unwrap();
        opened.extend_from_slice(&buf[..count]);
        if count == 0 {
            break;
        }
    }
    assert!(opened == plain);
}

#[test]
fn the_same_file_twice_is_not_the_same_bytes() {
    assert_ne!(seal(b"weights"), seal(b"weights"));
}

#[test]
fn another_key_or_context_does_not_open() {
    let sealed = seal(b"weights");
    let other = Secret::new([8; 32]);
    assert_eq!(open_bytes(&other, CONTEXT, &sealed), Err(FileRefusal::Broken));
    for context in ["", "model:brain-mrj", "model:brain-mri2", "state:clinic"] {
        assert_eq!(open_bytes(&key(), context, &sealed), Err(FileRefusal::Broken));
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let sealed = seal(b"weights");
    for at in 0..sealed.len() {
        for bit in 0..8 {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1 << bit;
            assert_eq!(refused(&flipped), if at < 8 { "file.format" } else { "file.broken" });
        }
    }
}

#[test]
fn every_cut_is_noticed() {
    let sealed = seal(b"weights");
    for cut in 0..sealed.len() {
        let code = if cut < HEADER_BYTES { "file.format" } else { "file.broken" };
        assert_eq!(refused(&sealed[..cut]), code);
    }
    let sealed = seal(&plain(3 * CHUNK_BYTES));
    for border in 0..3 {
        assert_eq!(refused(&sealed[..HEADER_BYTES + border * SEALED_CHUNK]), "file.broken");
    }
}

#[test]
fn chunks_moved_repeated_or_added_are_noticed() {
    let sealed = seal(&plain(3 * CHUNK_BYTES));
    let (header, body) = sealed.split_at(HEADER_BYTES);
    let chunks: Vec<&[u8]> = body.chunks(SEALED_CHUNK).collect();
    for order in [&[1, 0, 2][..], &[0, 0, 2], &[0, 2, 1], &[0, 2], &[0, 1, 2, 2], &[2]] {
        let moved: Vec<u8> = order.iter().flat_map(|at| chunks[*at]).copied().collect();
        assert_eq!(refused(&[header, &moved].concat()), "file.broken", "{order:?}");
    }
    assert_eq!(refused(&[&sealed[..], &[0]].concat()), "file.broken");
    let other = seal(&plain(3 * CHUNK_BYTES));
    assert_eq!(refused(&[header, &other[HEADER_BYTES..]].concat()), "file.broken");
}

#[test]
fn an_unfinished_file_does_not_open() {
    let mut bytes = Vec::new();
    let mut writer = FileWriter::new(&mut rng(), &key(), CONTEXT, &mut bytes).unwrap();
    writer.write_all(&plain(2 * CHUNK_BYTES + 1)).unwrap();
    drop(writer);
    assert_eq!(bytes.len(), HEADER_BYTES + 2 * SEALED_CHUNK);
    assert_eq!(refused(&bytes), "file.broken");
}

#[test]
fn a_failed_reader_fails_for_ever() {
    let sealed = seal(&plain(CHUNK_BYTES + 1));
    let mut reader = FileReader::new(&key(), CONTEXT, &sealed[..sealed.len() - 1]).unwrap();
    let mut opened = Vec::new();
    let error = reader.read_to_end(&mut opened).unwrap_err();
    assert_eq!(FileRefusal::of(&error), FileRefusal::Broken);
    assert_eq!(opened.len(), CHUNK_BYTES);
    assert!(reader.read(&mut [0; 1]).is_err());
}

#[test]
fn errors_below_keep_their_kind() {
    struct Failing;
    impl io::Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::PermissionDenied.into())
        }
    }
    let refusal = FileReader::new(&key(), CONTEXT, Failing).err().unwrap();
    assert_eq!(refusal, FileRefusal::Io(io::ErrorKind::PermissionDenied));
    assert_eq!(refusal.code(), "file.io");
    let error = io::Error::from(FileRefusal::TooLarge);
    assert_eq!(FileRefusal::of(&error).code(), "file.too_large");
}
