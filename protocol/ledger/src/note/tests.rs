use super::*;

/// The example of Go's package `golang.org/x/mod/sumdb/note`.
const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
const SECRET: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const SIGNED_LINE: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

/// The key of the Go checksum database.
const GO_SUMDB: &str = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";

fn peter() -> (LogKey, SigningKey) {
    let secret = STANDARD.decode(SECRET).unwrap();
    let key = SigningKey::from_bytes(secret[1..].try_into().unwrap());
    (LogKey::new("PeterNeumann", key.verifying_key()).unwrap(), key)
}

fn other() -> (LogKey, SigningKey) {
    let key = SigningKey::from_bytes(&[9; 32]);
    (LogKey::new("other.example", key.verifying_key()).unwrap(), key)
}

#[test]
fn signs_as_go_does() {
    let (public, key) = peter();
    let note = sign(TEXT, &public, &key);
    assert_eq!(note, format!("{TEXT}\n{SIGNED_LINE}"));
    assert_eq!(public.open(&note), Ok(TEXT));
    assert!(public.to_string().starts_with("PeterNeumann+c74f20a3+A"));
}

#[test]
fn keys_read_back() {
    for text in [GO_SUMDB.to_owned(), peter().0.to_string(), other().0.to_string()] {
        let key: LogKey = text.parse().unwrap();
        assert_eq!(key.to_string(), text);
    }
    assert_eq!(GO_SUMDB.parse::<LogKey>().unwrap().name(), "sum.golang.org");
}

#[test]
fn other_keys_are_refused() {
    let alterations = [
        GO_SUMDB.replace("033d", "033e"),
        GO_SUMDB.replace("033de0ae", "33de0ae"),
        GO_SUMDB.replace("033de0ae", "033DE0AE"),
        GO_SUMDB.replace("sum.", "sun."),
        GO_SUMDB.replace("+Ac4", "+Bc4"),
        GO_SUMDB.replace("OuAn8", "OuAn9"),
        GO_SUMDB[..60].to_owned(),
        format!("{GO_SUMDB}\n"),
        String::new(),
        "name".to_owned(),
        "+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8".to_owned(),
    ];
    for text in alterations {
        assert!(text.parse::<LogKey>().is_err(), "{text:?}");
    }
}

#[test]
fn names_have_neither_spaces_nor_plus() {
    let key = SigningKey::from_bytes(&[9; 32]).verifying_key();
    for name in ["", "a b", "a+b", "a\nb", "a\u{2003}b", &"a".repeat(256)] {
        assert_eq!(LogKey::new(name, key), Err(KeyRefusal::Name), "{name:?}");
    }
}

#[test]
fn every_altered_byte_is_noticed() {
    let (public, key) = peter();
    let note = sign(TEXT, &public, &key);
    for at in 0..note.len() {
        let mut bytes = note.clone().into_bytes();
        bytes[at] ^= 1;
        if let Ok(altered) = String::from_utf8(bytes) {
            assert!(public.open(&altered).is_err(), "byte {at}");
        }
    }
    for end in 0..note.len() {
        assert!(note.get(..end).is_none_or(|cut| public.open(cut).is_err()), "cut at {end}");
    }
}

#[test]
fn signatures_of_strangers_are_passed_over() {
    let ((public, key), (stranger, strange_key)) = (peter(), other());
    let line = |public: &LogKey, key| sign(TEXT, public, key)[TEXT.len() + 1..].to_owned();
    let both = format!("{TEXT}\n{}{}", line(&stranger, &strange_key), line(&public, &key));
    assert_eq!(public.open(&both), Ok(TEXT));
    assert_eq!(stranger.open(&both), Ok(TEXT));
    let alone = format!("{TEXT}\n{}", line(&stranger, &strange_key));
    assert_eq!(public.open(&alone), Err(NoteRefusal::Unsigned));
}

#[test]
fn a_false_signature_beside_a_true_one_refuses_the_note() {
    let (public, key) = peter();
    let other_text = sign("other\n", &public, &key);
    let false_line = &other_text["other\n".len() + 1..];
    let note = format!("{}{false_line}", sign(TEXT, &public, &key));
    assert_eq!(public.open(&note), Err(NoteRefusal::Signature));
}

#[test]
fn what_is_no_note_is_refused() {
    let (public, key) = peter();
    let note = sign(TEXT, &public, &key);
    let many = format!("{note}{}", SIGNED_LINE.repeat(SIGNATURES_MAX));
    let bad = [
        String::new(),
        TEXT.to_owned(),
        note.replace("— ", "- "),
        note.replace('\n', "\r\n"),
        note.trim_end().to_owned(),
        format!("{note}\n"),
        note.replace("problem,", "problem\t"),
        many,
        format!("{}{note}", "a".repeat(NOTE_BYTES_MAX)),
    ];
    for note in bad {
        assert!(public.open(&note).is_err());
    }
}
