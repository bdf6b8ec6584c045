//! `ImagingStudy` in step with what was stored: it is also the list of a study's instances,
//! by which they are found again. The hospital's. What its author wrote into a resource and
//! we do not set stays as it is.

use autoclave_base::Digest;
use autoclave_fhir::json::Node;
use dicom_core::Tag;
use dicom_dictionary_std::tags;

use crate::instance::Instance;
use crate::json::word;
use crate::uid::Uid;

/// Extension of an instance: the SHA-256 digest of its file.
pub const FILE_EXTENSION: &str = "https://autoclave.health/fhir/StructureDefinition/image-digest";
/// Extension of an instance: the digest by which its metadata is found.
pub const METADATA_EXTENSION: &str =
    "https://autoclave.health/fhir/StructureDefinition/image-metadata";
/// The system of DICOM UIDs.
pub const UID_SYSTEM: &str = "urn:dicom:uid";
const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";

/// A study as its `ImagingStudy` lists it.
#[derive(Clone, PartialEq, Eq)]
pub struct Study {
    /// Study Instance UID.
    pub uid: Uid,
    /// The patient's logical id.
    pub patient: String,
    /// Its series.
    pub series: Vec<Series>,
}

/// A series.
#[derive(Clone, PartialEq, Eq)]
pub struct Series {
    /// Series Instance UID.
    pub uid: Uid,
    /// The modality.
    pub modality: Option<String>,
    /// Its instances.
    pub instances: Vec<Listed>,
}

/// An instance of a series.
#[derive(Clone, PartialEq, Eq)]
pub struct Listed {
    /// SOP Instance UID.
    pub uid: Uid,
    /// SOP Class UID.
    pub class: Option<Uid>,
    /// Digest of its metadata; `None` where the image was not stored through `DICOMweb`.
    pub metadata: Option<Digest>,
    /// Digest of its file, likewise.
    pub file: Option<Digest>,
}

impl Study {
    /// Reads an `ImagingStudy`; `None` where it has no DICOM UID or no patient.
    pub fn of(resource: &Node<'_>) -> Option<Self> {
        let identifiers = resource.get("identifier")?.items().iter();
        let uid = identifiers
            .filter(|one| one.text_of("system") == Some(UID_SYSTEM))
            .find_map(|one| one.text_of("value")?.strip_prefix("urn:oid:")?.parse().ok())?;
        let patient = resource.at(&["subject", "reference"])?.text()?;
        let (_, patient) = patient.rsplit_once("Patient/")?;
        let series = resource.get("series").map_or(&[][..], Node::items);
        Some(Self {
            uid,
            patient: patient.split('/').next()?.to_owned(),
            series: series.iter().filter_map(Series::of).collect(),
        })
    }

    /// Adds what was just listed in the resource.
    pub fn add(&mut self, instance: &Instance, kept: Kept) {
        let at = self.series.iter().position(|series| series.uid == instance.series);
        let at = at.unwrap_or_else(|| {
            let modality = instance.first(tags::MODALITY).map(str::to_owned);
            self.series.push(Series {
                uid: instance.series.clone(),
                modality,
                instances: Vec::new(),
            });
            self.series.len() - 1
        });
        let Some(series) = self.series.get_mut(at) else { return };
        series.instances.retain(|one| one.uid != instance.instance);
        series.instances.push(Listed {
            uid: instance.instance.clone(),
            class: Some(instance.class.clone()),
            metadata: Some(kept.metadata),
            file: Some(kept.file),
        });
    }

    /// How many instances it has.
    pub fn count(&self) -> usize {
        self.series.iter().map(|series| series.instances.len()).sum()
    }

    /// All instances, each with its series.
    pub fn instances(&self) -> impl Iterator<Item = (&Series, &Listed)> {
        self.series.iter().flat_map(|series| series.instances.iter().map(move |one| (series, one)))
    }
}

impl Series {
    fn of(node: &Node<'_>) -> Option<Self> {
        let instances = node.get("instance").map_or(&[][..], Node::items);
        Some(Self {
            uid: node.text_of("uid")?.parse().ok()?,
            modality: node.at(&["modality", "code"]).and_then(Node::text).map(str::to_owned),
            instances: instances.iter().filter_map(Listed::of).collect(),
        })
    }
}

impl Listed {
    fn of(node: &Node<'_>) -> Option<Self> {
        let digest = |url: &str| {
            let extensions = node.get("extension").map_or(&[][..], Node::items).iter();
            let mut own = extensions.filter(|one| one.text_of("url") == Some(url));
            own.next_back()?.text_of("valueString")?.parse().ok()
        };
        let class = node.at(&["sopClass", "code"]).and_then(Node::text);
        Some(Self {
            uid: node.text_of("uid")?.parse().ok()?,
            class: class.and_then(|code| code.strip_prefix("urn:oid:")?.parse().ok()),
            metadata: digest(METADATA_EXTENSION),
            file: digest(FILE_EXTENSION),
        })
    }
}

/// A new `ImagingStudy` without series, of the study that this instance belongs to.
pub fn begin(instance: &Instance, patient: &str, endpoint: Option<&str>) -> Node<'static> {
    let uid = [("system", word(UID_SYSTEM)), ("value", word(&instance.study.urn()))];
    let mut members = vec![
        ("resourceType", word("ImagingStudy")),
        ("identifier", Node::List(vec![Node::object(uid)])),
        ("status", word("available")),
        ("subject", reference(&format!("Patient/{patient}"))),
    ];
    members.extend(
        endpoint.map(|id| ("endpoint", Node::List(vec![reference(&format!("Endpoint/{id}"))]))),
    );
    Node::object(members)
}

fn reference(to: &str) -> Node<'static> {
    Node::object([("reference", word(to))])
}

/// Adds what an image says of its study and the resource does not: searches go by it.
fn complete(study: &mut Node<'static>, instance: &Instance) {
    let started = started(instance, tags::STUDY_DATE, tags::STUDY_TIME);
    let description = instance.first(tags::STUDY_DESCRIPTION).map(str::to_owned);
    for (name, value) in [("started", started), ("description", description)] {
        if let (Some(value), None) = (value, study.get(name)) {
            study.set(name, word(&value));
        }
    }
    let Some(number) = instance.first(tags::ACCESSION_NUMBER) else { return };
    if let Some(Node::List(identifiers)) = study.get_mut("identifier")
        && !identifiers.iter().any(|one| one.text_of("value") == Some(number))
    {
        identifiers.push(accession(number));
    }
}

fn accession(number: &str) -> Node<'static> {
    let kind = Node::object([
        ("system", word("http://terminology.hl7.org/CodeSystem/v2-0203")),
        ("code", word("ACSN")),
    ]);
    let kind = Node::object([("coding", Node::List(vec![kind]))]);
    Node::object([("type", kind), ("value", word(number))])
}

/// The digests under which an instance was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// SHA-256 of its file.
    pub file: Digest,
    /// By which its metadata is found.
    pub metadata: Digest,
}

/// Lists an instance in an `ImagingStudy`; one that is listed already gets its digests.
pub fn list(study: &mut Node<'static>, instance: &Instance, kept: Kept) {
    let series = find_or_push(study, "series", &instance.series, || series_of(instance));
    let listed = series.and_then(|series| {
        find_or_push(series, "instance", &instance.instance, || instance_of(instance))
    });
    if let Some(listed) = listed {
        mark(listed, kept);
    }
    complete(study, instance);
    count(study);
}

fn mark(listed: &mut Node<'static>, kept: Kept) {
    let old = listed.get("extension").map_or(&[][..], Node::items).iter();
    let others =
        old.filter(|one| !matches!(one.text_of("url"), Some(FILE_EXTENSION | METADATA_EXTENSION)));
    let mut extensions: Vec<_> = others.cloned().collect();
    for (url, digest) in [(FILE_EXTENSION, kept.file), (METADATA_EXTENSION, kept.metadata)] {
        let value = word(&digest.to_string());
        extensions.push(Node::object([("url", word(url)), ("valueString", value)]));
    }
    listed.set("extension", Node::List(extensions));
}

fn find_or_push<'n>(
    node: &'n mut Node<'static>,
    name: &'static str,
    uid: &Uid,
    make: impl FnOnce() -> Node<'static>,
) -> Option<&'n mut Node<'static>> {
    if !matches!(node.get(name), Some(Node::List(_))) {
        node.set(name, Node::List(Vec::new()));
    }
    let Some(Node::List(items)) = node.get_mut(name) else { return None };
    let known = items.iter().position(|item| item.text_of("uid") == Some(uid.as_str()));
    let at = known.unwrap_or_else(|| {
        items.push(make());
        items.len() - 1
    });
    items.get_mut(at)
}

fn series_of(instance: &Instance) -> Node<'static> {
    let mut members = vec![("uid", word(instance.series.as_str()))];
    members.extend(number(instance, tags::SERIES_NUMBER));
    members.push(("modality", modality(instance.first(tags::MODALITY).unwrap_or("OT"))));
    let description = instance.first(tags::SERIES_DESCRIPTION);
    members.extend(description.map(|text| ("description", word(text))));
    let started = started(instance, tags::SERIES_DATE, tags::SERIES_TIME);
    members.extend(started.map(|text| ("started", word(&text))));
    Node::object(members)
}

fn instance_of(instance: &Instance) -> Node<'static> {
    let class = Node::object([
        ("system", word("urn:ietf:rfc:3986")),
        ("code", word(&instance.class.urn())),
    ]);
    let mut members = vec![("uid", word(instance.instance.as_str())), ("sopClass", class)];
    members.extend(number(instance, tags::INSTANCE_NUMBER));
    Node::object(members)
}

fn modality(code: &str) -> Node<'static> {
    Node::object([("system", word(DCM)), ("code", word(code))])
}

/// `unsignedInt` where the attribute is one.
fn number(instance: &Instance, tag: Tag) -> Option<(&'static str, Node<'static>)> {
    let number: u32 = instance.first(tag)?.parse().ok()?;
    (number <= i32::MAX.unsigned_abs()).then(|| ("number", Node::Number(number.to_string().into())))
}

/// Sets what can be counted: series, instances and modalities.
fn count(study: &mut Node<'static>) {
    let Some(Node::List(series)) = study.get_mut("series") else { return };
    let (mut instances, mut modalities) = (0, Vec::<Node<'static>>::new());
    for one in series.iter_mut() {
        let own = one.get("instance").map_or(0, |list| list.items().len());
        instances += own;
        one.set("numberOfInstances", Node::Number(own.to_string().into()));
        if let Some(modality) = one.get("modality")
            && !modalities.contains(modality)
        {
            modalities.push(modality.clone());
        }
    }
    let of_series = Node::Number(series.len().to_string().into());
    study.set("modality", Node::List(modalities));
    study.set("numberOfSeries", of_series);
    study.set("numberOfInstances", Node::Number(instances.to_string().into()));
}

/// A date, or date and time with its zone: FHIR has no time without one, so that a time
/// whose zone is not said stays out, and the date remains.
fn started(instance: &Instance, date: Tag, time: Tag) -> Option<String> {
    let date = instance.first(date)?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if date.len() != 8 || !digits(date) {
        return None;
    }
    let day = format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..]);
    if !(1..=12).contains(&date[4..6].parse().unwrap_or(0))
        || !(1..=31).contains(&date[6..].parse().unwrap_or(0))
    {
        return None;
    }
    let zoned = || {
        let zone = instance.first(tags::TIMEZONE_OFFSET_FROM_UTC)?;
        let clock = instance.first(time)?.get(..6).filter(|clock| digits(clock))?;
        if zone.len() != 5 || !zone.starts_with(['+', '-']) || !digits(&zone[1..]) {
            return None;
        }
        let (hour, minute, second) = (&clock[..2], &clock[2..4], &clock[4..]);
        Some(format!("{day}T{hour}:{minute}:{second}{}:{}", &zone[..3], &zone[3..]))
    };
    Some(zoned().unwrap_or(day))
}
