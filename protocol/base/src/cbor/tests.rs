use super::*;

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// RFC 8949, appendix A: those of the kinds that are read here.
#[test]
fn the_rfc_s_examples_are_read_and_written() {
    let uint = Value::Uint;
    let cases = [
        ("00", uint(0)),
        ("17", uint(23)),
        ("1818", uint(24)),
        ("1903e8", uint(1000)),
        ("1a000f4240", uint(1_000_000)),
        ("1b000000e8d4a51000", uint(1_000_000_000_000)),
        ("1bffffffffffffffff", uint(u64::MAX)),
        ("20", Value::int(-1)),
        ("3903e7", Value::int(-1000)),
        ("3bffffffffffffffff", Value::Negative(u64::MAX)),
        ("f4", Value::Bool(false)),
        ("f5", Value::Bool(true)),
        ("f6", Value::Null),
        ("4401020304", Value::bytes([1, 2, 3, 4])),
        ("62c3bc", Value::text("ü")),
        ("83010203", Value::Array([1, 2, 3].map(uint).to_vec())),
        ("a201020304", Value::map([(1, uint(2)), (3, uint(4))])),
        ("c11a514b67b0", Value::tag(1, uint(1_363_896_240))),
        ("80", Value::Array(vec![])),
        ("a0", Value::Map(vec![])),
    ];
    for (hex, value) in cases {
        assert_eq!(Value::parse(&bytes(hex)).as_ref(), Ok(&value), "{hex}");
        assert_eq!(value.to_bytes(), bytes(hex), "{hex}");
    }
}

#[test]
fn what_is_cut_continued_or_of_no_length_is_refused() {
    let whole = bytes("a201824401020304616103d820656874747073");
    assert!(Value::parse(&whole).is_ok());
    for end in 0..whole.len() {
        assert_eq!(Value::parse(&whole[..end]), Err(CborError), "{end}");
    }
    assert_eq!(Value::parse(&[&whole[..], &[0]].concat()), Err(CborError));
    let refused = [
        "9fff",
        "5f4101ff",
        "bfff",
        "1c",
        "f7",
        "f93c00",
        "fb3ff199999999999a",
        "61ff",
        "ff",
        "a201020103",
        "9bffffffffffffffff",
        "5bffffffffffffffff",
    ];
    for hex in refused {
        assert_eq!(Value::parse(&bytes(hex)), Err(CborError), "{hex}");
    }
}

#[test]
fn nesting_ends() {
    let nested = |depth| [vec![0x81; depth - 1], vec![0]].concat();
    assert!(Value::parse(&nested(DEPTH_MAX)).is_ok());
    assert_eq!(Value::parse(&nested(DEPTH_MAX + 1)), Err(CborError));
    assert_eq!(Value::parse(&vec![0x81; 1_000_000]), Err(CborError));
}

#[test]
fn maps_are_asked_by_number_and_by_name() {
    let map = Value::Map(vec![
        (Value::int(-2), Value::text("minus two")),
        (Value::text("name"), Value::tag(5, Value::Null)),
    ]);
    assert_eq!(map.at(-2).and_then(Value::as_text), Some("minus two"));
    assert_eq!(map.named("name").and_then(|value| value.tagged(5)), Some(&Value::Null));
    assert!(map.at(2).is_none() && map.named("other").is_none());
    assert_eq!(Value::Negative(u64::MAX).as_int(), None);
}
