//! What prefixes ask of dates, numbers and quantities (R4, search.html#prefix).

mod shelf;

use shelf::Shelf;

#[track_caller]
fn finds(shelf: &Shelf, kind: &str, cases: &[(&str, &[&str])]) {
    for (query, expected) in cases {
        assert_eq!(&shelf.find(kind, query), expected, "{kind}?{query}");
    }
}

fn encounters(periods: &[(&str, &str)]) -> Shelf {
    let texts: Vec<String> = periods
        .iter()
        .map(|(id, period)| {
            format!(r#"{{"resourceType":"Encounter","id":"{id}","period":{period}}}"#)
        })
        .collect();
    Shelf::of(&texts.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn a_date_is_found_as_the_table_of_prefixes_says() {
    let birth = |id: &str, date: &str| {
        format!(r#"{{"resourceType":"Patient","id":"{id}","birthDate":"{date}"}}"#)
    };
    let texts = [
        birth("a", "2013-01-13"),
        birth("b", "2013-01-14"),
        birth("c", "2013-01-15"),
        birth("y", "2013"),
    ];
    let shelf = Shelf::of(&texts.each_ref().map(String::as_str));
    finds(
        &shelf,
        "Patient",
        &[
            ("birthdate=2013-01-14", &["b"]),
            ("birthdate=eq2013-01-14", &["b"]),
            ("birthdate=2013-01", &["a", "b", "c"]),
            ("birthdate=2013", &["a", "b", "c", "y"]),
            ("birthdate=2013-01-14T10:00", &[]),
            ("birthdate=ne2013-01-14", &["a", "c", "y"]),
            ("birthdate=gt2013-01-14", &["c", "y"]),
            ("birthdate=lt2013-01-14", &["a", "y"]),
            ("birthdate=ge2013-01-14", &["b", "c", "y"]),
            ("birthdate=le2013-01-14", &["a", "b", "y"]),
            ("birthdate=sa2013-01-13", &["b", "c"]),
            ("birthdate=eb2013-01-15", &["a", "b"]),
            ("birthdate=ge2013-01-14&birthdate=lt2013-01-15", &["b", "y"]),
            ("birthdate=2013-01-13,2013-01-15", &["a", "c"]),
            ("birthdate=ap2013-01-14", &["a", "b", "c", "y"]),
            ("birthdate=ap1990-01-14", &[]),
            ("birthdate:missing=false", &["a", "b", "c", "y"]),
        ],
    );
}

#[test]
fn open_periods_reach_without_end() {
    let shelf = encounters(&[
        ("closed", r#"{"start":"2013-01-10","end":"2013-01-12"}"#),
        ("begun", r#"{"start":"2013-01-10"}"#),
        ("ended", r#"{"end":"2013-01-12"}"#),
        ("empty", "{}"),
    ]);
    finds(
        &shelf,
        "Encounter",
        &[
            ("date=2013-01", &["closed"]),
            ("date=gt2020", &["begun"]),
            ("date=lt1990", &["ended"]),
            ("date=ge2013-01-11", &["begun", "closed", "ended"]),
            // What began before the day and ended on it is neither above the day nor within it.
            ("date=ge2013-01-12", &["begun"]),
            ("date=le2013-01-10", &["ended"]),
            ("date=sa2013-01-09", &["begun", "closed"]),
            ("date=eb2013-01-13", &["closed", "ended"]),
            ("date=ap2013-01-11", &["begun", "closed", "ended"]),
            ("date:missing=false", &["begun", "closed", "empty", "ended"]),
        ],
    );
}

#[test]
fn times_are_compared_in_their_zones() {
    let shelf = encounters(&[
        ("east", r#"{"start":"2013-01-14T01:00:00+02:00","end":"2013-01-14T01:00:00+02:00"}"#),
        ("utc", r#"{"start":"2013-01-14T23:30:00Z","end":"2013-01-14T23:30:00.500Z"}"#),
        ("west", r#"{"start":"2013-01-14T20:00:00-05:00","end":"2013-01-14T20:00:00-05:00"}"#),
    ]);
    finds(
        &shelf,
        "Encounter",
        &[
            ("date=2013-01-13", &["east"]),
            ("date=2013-01-14", &["utc"]),
            ("date=2013-01-15", &["west"]),
            ("date=2013-01-14T18:30:00-05:00", &["utc"]),
            ("date=2013-01-15T01:00:00Z", &["west"]),
            ("date=2013-01-13T23:00:00", &["east"]),
            ("date=2013-01-14T01:00 02:00", &["east"]),
            ("date=gt2013-01-14T23:30:00Z", &["west"]),
        ],
    );
}

#[test]
fn timings_are_their_outer_bounds() {
    let request = r#"{"resourceType":"ServiceRequest","id":"t","occurrenceTiming":{"event":["2013-03-01","2013-01-05T08:00:00Z"],"repeat":{"boundsPeriod":{"start":"2013-02-01","end":"2013-04-01"}}}}"#;
    let bare = r#"{"resourceType":"ServiceRequest","id":"u","occurrenceTiming":{"code":{"text":"daily"}}}"#;
    let shelf = Shelf::of(&[request, bare]);
    finds(
        &shelf,
        "ServiceRequest",
        &[
            ("occurrence=2013", &["t"]),
            ("occurrence=sa2013-01-04", &["t"]),
            ("occurrence=eb2013-04-02", &["t"]),
            ("occurrence=sa2013-01-05", &[]),
            ("occurrence:missing=true", &[]),
        ],
    );
}

#[test]
fn when_a_resource_was_changed_is_a_date_too() {
    // The first was put at 2026-11-20T00:00:00Z, each other a second before the one before it.
    let shelf = encounters(&[("a", "{}"), ("b", "{}"), ("c", "{}")]);
    finds(
        &shelf,
        "Encounter",
        &[
            ("_lastUpdated=2026-11-20", &["a"]),
            ("_lastUpdated=lt2026-11-20", &["b", "c"]),
            ("_lastUpdated=ge2026-11-19T23:59:59Z", &["a", "b"]),
            ("_lastUpdated=gt2026-11-19T23:59:59Z", &["a"]),
            ("_lastUpdated=le2026-11-19T23:59:58Z", &["c"]),
            ("_lastUpdated=ne2026-11-19T23:59:59Z", &["a", "c"]),
            ("_lastUpdated=2026-11-20,2026-11-19T23:59:58Z", &["a", "c"]),
        ],
    );
}

fn observations(values: &[(&str, &str)]) -> Shelf {
    let texts: Vec<String> = values
        .iter()
        .map(|(id, value)| format!(r#"{{"resourceType":"Observation","id":"{id}",{value}}}"#))
        .collect();
    Shelf::of(&texts.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn numbers_are_as_precise_as_they_are_written() {
    let risk = |id: &str, value: &str| {
        format!(r#"{{"resourceType":"RiskAssessment","id":"{id}","prediction":[{{{value}}}]}}"#)
    };
    let texts = [
        risk("a", r#""probabilityDecimal":0.795"#),
        risk("b", r#""probabilityDecimal":0.80"#),
        risk("c", r#""probabilityDecimal":0.805"#),
        risk("r", r#""probabilityRange":{"low":{"value":0.5},"high":{"value":0.9}}"#),
    ];
    let shelf = Shelf::of(&texts.each_ref().map(String::as_str));
    finds(
        &shelf,
        "RiskAssessment",
        &[
            ("probability=0.8", &["a", "b", "c"]),
            ("probability=0.80", &["a", "b"]),
            ("probability=0.800", &["b"]),
            ("probability=8e-1", &["a", "b"]),
            ("probability=ne0.80", &["c", "r"]),
            ("probability=gt0.8", &["c", "r"]),
            ("probability=ge0.8", &["b", "c", "r"]),
            ("probability=lt0.8", &["a", "r"]),
            ("probability=le0.8", &["a", "b", "r"]),
            ("probability=sa0.79", &["a", "b", "c"]),
            ("probability=eb0.9", &["a", "b", "c"]),
            ("probability=ap0.75", &["a", "b", "c", "r"]),
            ("probability=ap0.9", &["r"]),
        ],
    );
}

#[test]
fn digits_beyond_floats_are_told_apart() {
    let shelf = observations(&[
        ("exact", r#""valueQuantity":{"value":5.4}"#),
        ("above", r#""valueQuantity":{"value":5.40000000000000000000001}"#),
        ("below", r#""valueQuantity":{"value":5.39999999999999999999999}"#),
        ("huge", r#""valueQuantity":{"value":1E400}"#),
    ]);
    finds(
        &shelf,
        "Observation",
        &[
            ("value-quantity=gt5.4", &["above", "huge"]),
            ("value-quantity=ge5.4", &["above", "exact", "huge"]),
            ("value-quantity=lt5.4", &["below"]),
            ("value-quantity=le5.4", &["below", "exact"]),
            ("value-quantity=5.4", &["above", "below", "exact"]),
            ("value-quantity=gt5.40000000000000000000000", &["above", "huge"]),
            ("value-quantity=5.40000000000000000000001", &["above"]),
            ("value-quantity=lt5.39999999999999999999999", &[]),
            ("value-quantity=gt1e300", &["huge"]),
        ],
    );
}

#[test]
fn a_quantity_is_asked_for_with_its_unit_or_without() {
    let shelf = observations(&[
        (
            "mg",
            r#""valueQuantity":{"value":5.4,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"}"#,
        ),
        (
            "g",
            r#""valueQuantity":{"value":5.4,"unit":"gram","system":"http://unitsofmeasure.org","code":"g"}"#,
        ),
        ("said", r#""valueQuantity":{"value":5.4,"unit":"mg"}"#),
        ("own", r#""valueQuantity":{"value":5.4,"system":"urn:units","code":"mg"}"#),
    ]);
    finds(
        &shelf,
        "Observation",
        &[
            ("value-quantity=5.4", &["g", "mg", "own", "said"]),
            ("value-quantity=5.4|http://unitsofmeasure.org|mg", &["mg"]),
            ("value-quantity=5.4|http://unitsofmeasure.org|MG", &[]),
            ("value-quantity=5.4||mg", &["mg", "own", "said"]),
            ("value-quantity=5.4||gram", &["g"]),
            ("value-quantity=5.4|urn:units|mg", &["own"]),
            ("value-quantity=gt5||g", &["g"]),
            ("value-quantity=lt5||g", &[]),
        ],
    );
}

#[test]
fn comparators_samples_and_money_are_intervals() {
    let shelf = observations(&[
        ("less", r#""valueQuantity":{"value":0.01,"comparator":"<"}"#),
        ("more", r#""valueQuantity":{"value":90,"comparator":">="}"#),
        (
            "wave",
            r#""valueSampledData":{"origin":{"value":10,"code":"mV","system":"http://unitsofmeasure.org"},"period":1,"factor":2,"dimensions":1,"data":"1 -3 E 4"}"#,
        ),
    ]);
    finds(
        &shelf,
        "Observation",
        &[
            ("value-quantity=lt0.01", &["less"]),
            ("value-quantity=eb0.01", &["less"]),
            ("value-quantity=sa90", &[]),
            ("value-quantity=sa89", &["more"]),
            ("value-quantity=gt100", &["more"]),
            ("value-quantity=ge0.01", &["more", "wave"]),
            ("value-quantity=ap11", &["wave"]),
            ("value-quantity=sa3||mV", &["wave"]),
            ("value-quantity=sa4||mV", &[]),
        ],
    );
    let invoice =
        r#"{"resourceType":"Invoice","id":"i","totalNet":{"value":12.50,"currency":"EUR"}}"#;
    let shelf = Shelf::of(&[invoice]);
    finds(
        &shelf,
        "Invoice",
        &[
            ("totalnet=12.5", &["i"]),
            ("totalnet=gt12||EUR", &["i"]),
            ("totalnet=gt12|urn:iso:std:iso:4217|EUR", &["i"]),
            ("totalnet=gt12||USD", &[]),
        ],
    );
}
