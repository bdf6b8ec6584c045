use autoclave_base::jcs;
use serde_json::json;

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
