//! What the clinic itself files in the FHIR store: admissions and results. The clinic's. Ids
//! are made of what they are for, so that whoever repeats a request after a crash files the
//! same resources again and makes nobody twice.

use std::str::FromStr;

use autoclave_base::{Digest, Phi};
use autoclave_fhir::{Document, Kind};
use autoclave_record::Resource;
use autoclave_records::store::{Put, Store, StoreError};
use serde_json::Value;

use super::TENANT;
use crate::keys::RecordsKeys;

/// What to do with what is there already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// It is the same, filed before a crash.
    Keep,
    /// It is of an attempt that came to no end: a new version takes its place.
    Replace,
}

/// Files resources, all or none; durable when it returns.
pub(crate) fn file(
    store: &Store,
    resources: &[Resource],
    before: Before,
    now_ms: i64,
) -> Result<(), StoreError> {
    store.change(TENANT, |change| {
        for resource in resources {
            let (kind, id) = (kind(resource), resource.id());
            let there = change.get(kind, id)?.filter(|stored| stored.document.is_some());
            if there.is_some() && before == Before::Keep {
                continue;
            }
            let document = Document::parse(resource.to_bytes().into_inner());
            let document = document.map_err(|_| StoreError::Malformed)?;
            let node = document.node().map_err(|_| StoreError::Malformed)?;
            let (document, updated) = (&document, now_ms);
            change.put(Put { id, expected: None, document, node: &node, updated })?;
        }
        Ok(())
    })
}

fn kind(resource: &Resource) -> Kind {
    Kind::known(resource.kind().name())
}

/// The newest versions of some resources, as JSON; nothing for one that is not there.
pub(crate) fn read(
    store: &Store,
    wanted: &[(&str, String)],
) -> Result<Vec<Option<Phi<Value>>>, StoreError> {
    store.read(TENANT, |view| {
        let found = wanted.iter().map(|(kind, id)| {
            let stored = view.get(Kind::known(kind), id)?;
            let document = stored.and_then(|stored| stored.document);
            let json = document.map(|document| serde_json::from_slice(document.bytes()));
            json.transpose().map(|json| json.map(Phi::new)).map_err(|_| StoreError::Malformed)
        });
        found.collect()
    })
}

/// The id of something that is for exactly this: a UUID of version 8 of a keyed digest.
pub(crate) fn id_for<T: FromStr>(keys: &RecordsKeys, what: &str, of: &[&[u8]]) -> Option<T> {
    let parts = [&[b"clinic derived id v1", what.as_bytes()], of].concat();
    let inner = Digest::of_parts(&parts);
    let key = keys.ids().expose();
    let keyed = Digest::of_parts(&[key, Digest::of_parts(&[key, inner.bytes()]).bytes()]);
    let hex = keyed.hex();
    let uuid = format!(
        "{}-{}-8{}-8{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..32]
    );
    uuid.parse().ok()
}

#[cfg(test)]
mod tests {
    use autoclave_base::Secret;
    use autoclave_base::ids::PatientId;

    use super::*;

    #[test]
    fn the_same_purpose_has_the_same_id_and_no_other_has() {
        let keys = RecordsKeys::derive(&Secret::new([7; 32]));
        let id = |what, of: &[&[u8]]| id_for::<PatientId>(&keys, what, of).unwrap();
        assert_eq!(id("patient", &[b"a"]), id("patient", &[b"a"]));
        assert_ne!(id("patient", &[b"a"]), id("patient", &[b"b"]));
        assert_ne!(id("patient", &[b"a"]), id("encounter", &[b"a"]));
        let others = RecordsKeys::derive(&Secret::new([8; 32]));
        assert_ne!(
            id_for::<PatientId>(&others, "patient", &[b"a"]).unwrap(),
            id("patient", &[b"a"])
        );
    }
}
