//! The log and the roots here; machines, cases and sweeps in files of their own.

mod captured;
mod cases;
mod corpus;
mod enrolment;
mod machine;
mod sweep;
mod trusting;
mod vectors;

use autoclave_base::jcs;
use serde_json::json;

use self::captured::Captured;
use super::*;

#[test]
fn an_event_has_one_spelling_and_one_register() {
    let digest = Digest::of("x");
    let event = Event::launch(digest, 1, false);
    let text =
        format!(r#"{{"debug":false,"event":"launch","launcher":"{digest}","pcr":8,"svn":1}}"#);
    assert_eq!(jcs::to_vec(&event).unwrap(), text.as_bytes());
    assert_eq!(event.digest(), Digest::of(&text));
    let refused = [
        text.replace("\"pcr\":8", "\"pcr\":9"),
        text.replace("\"svn\":1", "\"svn\":1.5"),
        text.replace("\"svn\":1", "\"svn\":-1"),
        text.replace("\"svn\":1", "\"svn\":1,\"more\":1"),
        text.replace("launch\"", "lunch\""),
    ];
    assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
    for text in refused {
        assert!(serde_json::from_str::<Event>(&text).is_err(), "{text}");
    }
}

#[test]
fn a_register_depends_on_all_its_events_and_their_order() {
    let [one, two] = ["one", "two"].map(|name| Event::library(name, Digest::of(name)));
    let registers = replay(&[one.clone(), two.clone()]);
    let zero = Digest::from_bytes([0; 32]);
    assert_eq!(registers[10], extend(&extend(&zero, &one.digest()), &two.digest()));
    assert!(registers.iter().enumerate().all(|(at, value)| at == 10 || *value == zero));
    assert_ne!(registers, replay(&[two, one]));
}

#[test]
fn a_root_says_what_it_is_for() {
    let root = json!({"kind": "tpm", "ek_roots": [], "ak_issuers": [], "development": true});
    assert!(serde_json::from_value::<super::super::Root>(root.clone()).is_ok());
    for missing in ["ek_roots", "ak_issuers", "development"] {
        let mut less = root.clone();
        less.as_object_mut().unwrap().remove(missing);
        assert!(serde_json::from_value::<super::super::Root>(less).is_err(), "{missing}");
    }
    let more =
        json!({"kind": "tpm", "ek_roots": [], "ak_issuers": [], "development": true, "x": 1});
    assert!(serde_json::from_value::<super::super::Root>(more).is_err());
}

#[test]
fn what_is_no_root_is_refused() {
    let captured = Captured::read();
    let good = captured.root();
    let known = |pcr| FirmwarePcr { pcr, values: [Digest::of("x")].into() };
    let none = FirmwarePcr { pcr: 0, values: [].into() };
    let sealing = crate::jwk::Jwk::x25519(1, [0; 32]);
    let cases = [
        ("root.certificate", TpmRoot { ek_roots: vec![], ..good.clone() }),
        ("root.certificate", TpmRoot { ek_roots: vec![captured.ek_certificate], ..good.clone() }),
        ("root.issuers", TpmRoot { ak_issuers: vec![], ..good.clone() }),
        ("jwk.unsupported", TpmRoot { ak_issuers: vec![sealing], ..good.clone() }),
        ("root.firmware", TpmRoot { development: false, ..good.clone() }),
        ("root.firmware", TpmRoot { firmware: vec![known(8)], ..good.clone() }),
        ("root.firmware", TpmRoot { firmware: vec![known(1), known(1)], ..good.clone() }),
        ("root.firmware", TpmRoot { firmware: vec![none], ..good.clone() }),
    ];
    for (code, root) in cases {
        assert_eq!(TpmVerifier::new(&root).err().unwrap().code(), code);
    }
    let production = TpmRoot { development: false, firmware: vec![known(7)], ..good };
    assert!(TpmVerifier::new(&production).is_ok());
}

#[test]
fn makers_of_software_are_known_by_their_ids() {
    for (text, software) in [("id:00001014", true), ("id:4d534654", true), ("id:494E5443", false)] {
        assert_eq!(text.parse::<Manufacturer>().unwrap().is_software(), software);
    }
    for text in ["", "id:", "id:+0001014", "id:1014", "ID:00001014", "id:000010140", "id:0000101g"]
    {
        assert!(text.parse::<Manufacturer>().is_err(), "{text}");
    }
}
