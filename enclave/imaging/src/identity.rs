//! Whose an image is: the patient whom `PatientID` and its issuer name. The hospital's. An
//! image of nobody known, or of two, is never filed under somebody.

use autoclave_fhir::json::Node;
use dicom_dictionary_std::tags;

use crate::instance::Instance;
use crate::json::{first, word};

/// How identifiers in images relate to those of the records.
#[derive(Clone, Debug, Default)]
pub struct Identities {
    /// Issuer of Patient ID (0010,0021) and the system that it means.
    pub issuers: Vec<(String, String)>,
    /// The system where an image names no issuer; without one, the value must be of one
    /// patient only, in whatever system.
    pub system: Option<String>,
    /// Whether an image of an unknown patient makes one, with what the image says.
    pub creates: bool,
}

/// How an image names its patient. No `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Named {
    /// The system of the identifier, where it is known.
    pub system: Option<String>,
    /// The identifier.
    pub value: String,
}

/// Why an image names nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameRefusal {
    /// No Patient ID.
    #[error("the image names no patient")]
    Nobody,
    /// Its issuer is none that the clinic knows.
    #[error("the issuer of the patient's identifier is unknown")]
    Issuer,
}

impl Identities {
    /// Whom an instance names.
    pub fn named(&self, instance: &Instance) -> Result<Named, NameRefusal> {
        let value = instance.first(tags::PATIENT_ID).ok_or(NameRefusal::Nobody)?.to_owned();
        let system = match issuer(&instance.metadata) {
            Some(issuer) => Some(self.system_of(&issuer).ok_or(NameRefusal::Issuer)?),
            None => self.system.clone(),
        };
        Ok(Named { system, value })
    }

    fn system_of(&self, issuer: &str) -> Option<String> {
        let known = self.issuers.iter().find(|(name, _)| name == issuer);
        known.map(|(_, system)| system.clone()).or_else(|| {
            // An OID or URI names its system itself (0040,0032).
            issuer.contains(':').then(|| issuer.to_owned())
        })
    }
}

/// The issuer: a universal entity, or a local name.
fn issuer(metadata: &Node<'_>) -> Option<String> {
    let qualifiers = metadata.at(&["00100024", "Value"]).and_then(|list| list.items().first());
    let universal = qualifiers.and_then(|item| {
        let id = first(item, tags::UNIVERSAL_ENTITY_ID)?;
        match first(item, tags::UNIVERSAL_ENTITY_ID_TYPE)? {
            "ISO" => Some(format!("urn:oid:{id}")),
            "UUID" => Some(format!("urn:uuid:{id}")),
            "URI" => Some(id.to_owned()),
            _ => None,
        }
    });
    universal.or_else(|| first(metadata, tags::ISSUER_OF_PATIENT_ID).map(str::to_owned))
}

/// Whether a patient has the identifier, letter by letter: terms of an index may collide.
pub fn has(patient: &Node<'_>, named: &Named) -> bool {
    let identifiers = patient.get("identifier").map_or(&[][..], Node::items);
    identifiers.iter().any(|one| {
        one.text_of("value") == Some(&named.value)
            && named.system.as_deref().is_none_or(|system| one.text_of("system") == Some(system))
    })
}

/// Whether birth date or sex of the image contradict the record.
pub fn contradicts(patient: &Node<'_>, instance: &Instance) -> bool {
    let born = instance.first(tags::PATIENT_BIRTH_DATE).filter(|date| date.len() == 8);
    let other_birth = match (born, patient.text_of("birthDate")) {
        (Some(image), Some(record)) => !image.starts_with(&record.replace('-', "")),
        _ => false,
    };
    let other_sex = match (instance.first(tags::PATIENT_SEX), patient.text_of("gender")) {
        (Some("F"), Some(gender)) => gender == "male",
        (Some("M"), Some(gender)) => gender == "female",
        _ => false,
    };
    other_birth || other_sex
}

/// A new `Patient`, of what the image says.
pub fn patient(named: &Named, instance: &Instance) -> Node<'static> {
    let mut identifier = Vec::new();
    identifier.extend(named.system.as_deref().map(|system| ("system", word(system))));
    identifier.push(("value", word(&named.value)));
    let mut members = vec![
        ("resourceType", word("Patient")),
        ("identifier", Node::List(vec![Node::object(identifier)])),
    ];
    members.extend(instance.first(tags::PATIENT_NAME).map(|name| ("name", name_of(name))));
    let gender = match instance.first(tags::PATIENT_SEX) {
        Some("F") => Some("female"),
        Some("M") => Some("male"),
        Some("O") => Some("other"),
        _ => None,
    };
    members.extend(gender.map(|gender| ("gender", word(gender))));
    let born = instance.first(tags::PATIENT_BIRTH_DATE);
    let born =
        born.filter(|date| date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()));
    members.extend(born.map(|date| {
        ("birthDate", word(&format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..])))
    }));
    Node::object(members)
}

/// Family, given, middle, prefix, suffix (PS3.5, 6.2.1).
fn name_of(name: &str) -> Node<'static> {
    let parts: Vec<&str> = name.split('^').map(str::trim).collect();
    let part = |at: usize| parts.get(at).copied().filter(|part| !part.is_empty());
    let mut members = Vec::new();
    members.extend(part(0).map(|family| ("family", word(family))));
    let given: Vec<_> = [1, 2].into_iter().filter_map(part).map(word).collect();
    for (name, words) in [
        ("given", given),
        ("prefix", part(3).map(word).into_iter().collect()),
        ("suffix", part(4).map(word).into_iter().collect()),
    ] {
        if !words.is_empty() {
            members.push((name, Node::List(words)));
        }
    }
    Node::List(vec![Node::object(members)])
}

#[cfg(test)]
mod tests {
    use dicom_core::VR;

    use super::*;
    use crate::instance::samples::{self, ONE};

    fn instance(issuer: Option<&str>) -> Instance {
        let mut object = samples::image(ONE);
        if let Some(issuer) = issuer {
            samples::text(&mut object, tags::ISSUER_OF_PATIENT_ID, VR::LO, issuer);
        }
        Instance::read(&samples::plain(object)).unwrap()
    }

    #[test]
    fn the_issuer_says_which_system_an_identifier_is_of() {
        let identities = Identities {
            issuers: vec![("HOSPITAL".to_owned(), "urn:mrn".to_owned())],
            system: Some("urn:default".to_owned()),
            creates: false,
        };
        for (issuer, expected) in [
            (None, Ok("urn:default")),
            (Some("HOSPITAL"), Ok("urn:mrn")),
            (Some("urn:oid:1.2"), Ok("urn:oid:1.2")),
            (Some("ELSEWHERE"), Err(NameRefusal::Issuer)),
        ] {
            let named = identities.named(&instance(issuer));
            assert_eq!(named.map(|named| named.system.unwrap()), expected.map(str::to_owned));
        }
    }

    #[test]
    fn a_patient_is_made_of_what_the_image_says() {
        let instance = instance(None);
        let named = Named { system: Some("urn:mrn".to_owned()), value: "MRN-1".to_owned() };
        let patient = patient(&named, &instance);
        let expected = br#"{"resourceType":"Patient","identifier":[{"system":"urn:mrn","value":"MRN-1"}],"name":[{"family":"Muster","given":["Anna"]}],"gender":"female","birthDate":"1970-01-02"}"#;
        assert_eq!(patient.to_bytes(), expected);
        assert!(has(&patient, &named) && !contradicts(&patient, &instance));
        let other = Node::parse(br#"{"gender":"male","birthDate":"1970"}"#).unwrap();
        assert!(contradicts(&other, &instance));
        assert!(!has(&other, &named));
    }
}
