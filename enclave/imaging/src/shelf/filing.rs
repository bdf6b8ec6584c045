//! Filing images: patient, study, digests and `ImagingStudy` in one change. The hospital's.
//! An instance is either listed in its study with bytes that are kept, or not at all.

use autoclave_base::Digest;
use autoclave_cell::Entropy;
use autoclave_fhir::json::Node;
use autoclave_fhir::{Document, Kind};
use autoclave_records::server::Caller;
use autoclave_records::store::{Change, Put, StoreError, Stored, View};
use rand_core::Rng as _;

use super::{Failure, Filed, Outcome, Shelf, ShelfError, Warning, token};
use crate::blobs::{BlobError, Owner};
use crate::entry::Entry;
use crate::identity::{self, NameRefusal, Named};
use crate::instance::Instance;
use crate::json::word;
use crate::study::{self, Kept, Listed, Study, UID_SYSTEM};
use crate::uid::Uid;

/// An instance that is to be filed.
pub struct Incoming {
    /// What its file says.
    pub instance: Instance,
    /// Its file.
    pub file: Vec<u8>,
}

/// Failures of all that a change would have filed.
enum Stop {
    Failure(Failure),
    Shelf(ShelfError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Shelf(error.into())
    }
}

impl From<ShelfError> for Stop {
    fn from(error: ShelfError) -> Self {
        Self::Shelf(error)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        let shelf = match stop {
            Stop::Failure(failure) => return failure,
            Stop::Shelf(shelf) => shelf,
        };
        match shelf {
            ShelfError::Store(StoreError::Full) | ShelfError::Blob(BlobError::Full) => Self::Full,
            ShelfError::Store(StoreError::Erased) | ShelfError::Blob(BlobError::Erased) => {
                Self::Unknown
            }
            other => {
                let code = match other {
                    ShelfError::Store(error) => error.code(),
                    ShelfError::Blob(_) => "imaging.blob",
                    ShelfError::Malformed => "imaging.malformed",
                };
                tracing::error!(code, "an image was not filed");
                Self::Failed
            }
        }
    }
}

/// The patient of an image.
struct Whose {
    id: String,
    contradicts: bool,
}

impl Shelf {
    /// Files instances, those of one patient's study in one change. Blocks.
    pub fn file(&self, caller: &Caller, incoming: Vec<Incoming>, now: i64) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(incoming.len());
        let mut rest = incoming;
        while let Some(first) = rest.first() {
            let (study, named) =
                (first.instance.study.clone(), self.identities.named(&first.instance));
            let is_same = |one: &mut Incoming| {
                one.instance.study == study && self.identities.named(&one.instance) == named
            };
            let group: Vec<_> = rest.extract_if(.., is_same).collect();
            outcomes.extend(self.file_group(caller, named, &group, now));
        }
        outcomes
    }

    fn file_group(
        &self,
        caller: &Caller,
        named: Result<Named, NameRefusal>,
        group: &[Incoming],
        now: i64,
    ) -> Vec<Outcome> {
        let done = named
            .map_err(|_| Failure::Nobody)
            .and_then(|named| self.file_as(caller, &named, group, now).map_err(Failure::from));
        let (patient, results) = match done {
            Ok((patient, results)) => (Some(patient), results),
            Err(failure) => (None, vec![Err(failure); group.len()]),
        };
        let outcome = |(one, result): (&Incoming, Result<Filed, Failure>)| {
            let Instance { class, instance, study, series, .. } = &one.instance;
            let uids = [class, instance, study, series].map(Uid::clone);
            Outcome {
                uids: Some(uids),
                patient: patient.clone().filter(|_| result.is_ok()),
                result,
            }
        };
        group.iter().zip(results).map(outcome).collect()
    }

    fn file_as(
        &self,
        caller: &Caller,
        named: &Named,
        group: &[Incoming],
        now: i64,
    ) -> Result<(String, Vec<Result<Filed, Failure>>), Stop> {
        let first = group.first().ok_or(Failure::Failed)?;
        // The patient first, by itself: bytes are sealed under their key.
        let whose = self.store.change::<_, Stop>(caller.tenant, |change| {
            self.whose(change, caller, named, &first.instance, now)
        })?;
        let owner = Owner { tenant: caller.tenant, patient: &whose.id };
        let before = self.store.read::<_, Stop>(caller.tenant, |view| {
            Ok(self.known(view, &first.instance)?.and_then(|stored| study_of(&stored)))
        })?;
        let keep = |one| self.keep(owner, before.as_ref(), one);
        let kept = group.iter().map(keep).collect::<Result<Vec<_>, _>>()?;
        let results = self.store.change::<_, Stop>(caller.tenant, |change| {
            self.list(change, caller, &whose, group, &kept, now)
        })?;
        Ok((whose.id, results))
    }

    /// Keeps file and entry. What a crash leaves unlisted is kept once, and again found by its
    /// digest when the client tries again.
    fn keep(
        &self,
        owner: Owner<'_>,
        before: Option<&Study>,
        one: &Incoming,
    ) -> Result<Kept, ShelfError> {
        let sum = Digest::of(&one.file);
        let is_same =
            |listed: &Listed| listed.uid == one.instance.instance && listed.file == Some(sum);
        let listed = before.and_then(|study| study.instances().find(|(_, one)| is_same(one)));
        if let Some(metadata) = listed.and_then(|(_, listed)| listed.metadata) {
            return Ok(Kept { file: sum, metadata });
        }
        let file = self.blobs.put(owner, &one.file)?;
        let entry = Entry::of(&one.instance, file, one.file.len());
        let metadata = self.blobs.put(owner, &entry.to_bytes())?;
        Ok(Kept { file: sum, metadata })
    }

    fn whose(
        &self,
        change: &mut Change<'_>,
        caller: &Caller,
        named: &Named,
        instance: &Instance,
        now: i64,
    ) -> Result<Whose, Stop> {
        let kind = Kind::known("Patient");
        let pair = ("identifier", token(named.system.as_deref(), &named.value));
        let found = self.matching(change, kind, pair, 16)?;
        let mut own = Vec::new();
        for stored in &found {
            let Some(document) = &stored.document else { continue };
            let node = document.node().map_err(|_| ShelfError::Malformed)?;
            if identity::has(&node, named) {
                let contradicts = identity::contradicts(&node, instance);
                own.push(Whose { id: stored.id.clone(), contradicts });
            }
        }
        let whose = match own.len() {
            1 => own.remove(0),
            0 if self.identities.creates && caller.patient.is_none() => {
                let id = new_id();
                let _: Stored = put(change, &id, None, &identity::patient(named, instance), now)?;
                Whose { id, contradicts: false }
            }
            0 => return Err(Failure::Unknown.into()),
            _ => return Err(Failure::Ambiguous.into()),
        };
        match &caller.patient {
            Some(own) if *own != whose.id => Err(Failure::Forbidden.into()),
            _ => Ok(whose),
        }
    }

    /// Lists instances in their study, which is made where there is none.
    fn list(
        &self,
        change: &mut Change<'_>,
        caller: &Caller,
        whose: &Whose,
        group: &[Incoming],
        kept: &[Kept],
        now: i64,
    ) -> Result<Vec<Result<Filed, Failure>>, Stop> {
        let first = &group.first().ok_or(Failure::Failed)?.instance;
        let (id, version, mut node) = match self.known(change, first)? {
            Some(stored) => {
                let document = stored.document.as_ref().ok_or(ShelfError::Malformed)?;
                let node = document.node().map_err(|_| ShelfError::Malformed)?;
                (stored.id, Some(stored.version), node.into_owned())
            }
            None => (new_id(), None, study::begin(first, &whose.id, self.endpoint.as_deref())),
        };
        let mut own = Study::of(&node).ok_or(ShelfError::Malformed)?;
        if own.patient != whose.id {
            return Err(Failure::Elsewhere.into());
        }
        let mut results = Vec::with_capacity(group.len());
        let mut changed = false;
        for (one, kept) in group.iter().zip(kept) {
            let warning = whose.contradicts.then_some(Warning::Demographics);
            results.push(match self.placed(change, &own, &one.instance, *kept)? {
                Placed::Here => Ok(Filed { warning }),
                Placed::Nowhere => {
                    study::list(&mut node, &one.instance, *kept);
                    own.add(&one.instance, *kept);
                    changed = true;
                    Ok(Filed { warning })
                }
                Placed::Other(failure) => Err(failure),
            });
        }
        if changed {
            let stored = put(change, &id, Some(version.unwrap_or(0)), &node, now)?;
            self.note(change, caller, &stored, now)?;
        }
        Ok(results)
    }

    /// The `ImagingStudy` of an instance's study.
    fn known(
        &self,
        view: &mut View<'_>,
        instance: &Instance,
    ) -> Result<Option<Stored>, ShelfError> {
        let kind = Kind::known("ImagingStudy");
        let pair = ("identifier", token(Some(UID_SYSTEM), &instance.study.urn()));
        let found = self.matching(view, kind, pair, 8)?;
        let is_own =
            |stored: &Stored| study_of(stored).is_some_and(|one| one.uid == instance.study);
        Ok(found.into_iter().find(is_own))
    }

    /// Where an instance of this UID is already. UIDs are unique in the world: neither an
    /// instance nor a series may be in two places.
    fn placed(
        &self,
        change: &mut Change<'_>,
        own: &Study,
        instance: &Instance,
        kept: Kept,
    ) -> Result<Placed, ShelfError> {
        let known = own.instances().find(|(_, one)| one.uid == instance.instance);
        if let Some((series, listed)) = known {
            return Ok(match listed.file {
                _ if series.uid != instance.series => Placed::Other(Failure::Elsewhere),
                Some(file) if file == kept.file => Placed::Here,
                // Listed by somebody who had no file: this is it.
                None => Placed::Nowhere,
                Some(_) => Placed::Other(Failure::Duplicate),
            });
        }
        let kind = Kind::known("ImagingStudy");
        let elsewhere = |study: &Study| {
            study.uid != own.uid
                && study.series.iter().any(|series| {
                    series.uid == instance.series
                        || series.instances.iter().any(|one| one.uid == instance.instance)
                })
        };
        for pair in [("instance", &instance.instance), ("series", &instance.series)] {
            let found = self.matching(change, kind, (pair.0, escape(pair.1)), 8)?;
            let mut studies = found.iter().filter_map(study_of);
            if studies.any(|study| elsewhere(&study)) {
                return Ok(Placed::Other(Failure::Elsewhere));
            }
        }
        Ok(Placed::Nowhere)
    }

    /// Who filed what, and when.
    fn note(
        &self,
        change: &mut Change<'_>,
        caller: &Caller,
        stored: &Stored,
        now: i64,
    ) -> Result<(), Stop> {
        if !self.provenance {
            return Ok(());
        }
        let target = format!("ImagingStudy/{}/_history/{}", stored.id, stored.version);
        let who = match &caller.reference {
            Some(reference) => Node::object([("reference", word(reference))]),
            None => Node::object([("display", word(caller.actor.as_str()))]),
        };
        let node = Node::object([
            ("resourceType", word("Provenance")),
            ("target", Node::List(vec![Node::object([("reference", word(&target))])])),
            ("recorded", word(&instant(now))),
            ("agent", Node::List(vec![Node::object([("who", who)])])),
        ]);
        put(change, &new_id(), None, &node, now)?;
        Ok(())
    }
}

fn study_of(stored: &Stored) -> Option<Study> {
    Study::of(&stored.document.as_ref()?.node().ok()?)
}

enum Placed {
    Here,
    Nowhere,
    Other(Failure),
}

fn escape(uid: &Uid) -> String {
    super::escaped(uid.as_str())
}

fn put(
    change: &mut Change<'_>,
    id: &str,
    expected: Option<u32>,
    node: &Node<'_>,
    now: i64,
) -> Result<Stored, Stop> {
    let document = Document::of_parsed(node.to_bytes(), node).map_err(|_| ShelfError::Malformed)?;
    Ok(change.put(Put { id, expected, document: &document, node, updated: now })?)
}

/// A logical id of 122 random bits.
fn new_id() -> String {
    let mut bytes = [0_u8; 16];
    Entropy.fill_bytes(&mut bytes);
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

/// An instant of FHIR.
pub(crate) fn instant(now: i64) -> String {
    let seconds = u64::try_from(now.div_euclid(1000)).unwrap_or(0);
    let whole = autoclave_base::UnixTime::from_seconds(seconds).rfc3339();
    whole.replace('Z', &format!(".{:03}Z", now.rem_euclid(1000)))
}
