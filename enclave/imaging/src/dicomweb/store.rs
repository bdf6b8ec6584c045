//! STOW-RS requests and their answers: instances are filed while others still arrive.

use std::sync::Arc;

use autoclave_fhir::json::Node;
use dicom_core::Tag;
use dicom_dictionary_std::tags;
use futures::StreamExt as _;
use http::{StatusCode, header};
use tokio::sync::OwnedSemaphorePermit;

use super::{Allowed, Dicomweb, Head, MEBIBYTE, Told, blocking, negotiate};
use crate::body::Chunks;
use crate::dataset::Flaw;
use crate::fault::Fault;
use crate::instance::{Instance, InstanceRefusal};
use crate::json::{name, word};
use crate::media::Media;
use crate::multipart::{MultipartFlaw, Parser, Part};
use crate::qido::attribute;
use crate::shelf::{Failure, Incoming, Outcome, Warning};
use crate::uid::Uid;

/// Bytes of instances that are filed together: large enough that a series of small slices
/// costs one change and not hundreds.
const BATCH_BYTES: usize = 32 * MEBIBYTE;
/// Instances that are filed together.
const BATCH_MAX: usize = 256;

/// Instances that wait to be filed.
#[derive(Default)]
struct Batch {
    incoming: Vec<Incoming>,
    bytes: usize,
    held: Vec<OwnedSemaphorePermit>,
}

/// What became of a request's instances.
#[derive(Default)]
struct Filing {
    outcomes: Vec<Outcome>,
    batch: Batch,
    /// For the bytes of the instance that arrives.
    arriving: Option<OwnedSemaphorePermit>,
}

impl Dicomweb {
    pub(super) async fn store(
        &self,
        allowed: &Arc<Allowed>,
        head: Head,
        study: Option<Uid>,
        body: Chunks,
    ) -> Result<Told, Fault> {
        negotiate::json(&head)?;
        let mut parser = self.parser(&head)?;
        let mut filing = Filing::default();
        let mut body = body;
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|_| CUT)?;
            parser.push(&chunk);
            self.reserve(allowed, &mut filing, parser.waiting()).await?;
            while let Some(part) = parser.next_part()? {
                self.take(allowed, &mut filing, part, study.as_ref()).await?;
            }
        }
        parser.finish()?;
        self.file(allowed, &mut filing).await?;
        Ok(told(&head, filing.outcomes))
    }

    fn parser(&self, head: &Head) -> Result<Parser, Fault> {
        let media = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media = media.and_then(Media::parse).ok_or(UNSUPPORTED)?;
        if !media.means_parts_of(negotiate::DICOM) || media.name != "multipart/related" {
            return Err(UNSUPPORTED);
        }
        let boundary = media.boundary.ok_or(MultipartFlaw::Boundary)?;
        Ok(Parser::new(&boundary, self.0.settings.instance_bytes_max)?)
    }

    async fn take(
        &self,
        allowed: &Arc<Allowed>,
        filing: &mut Filing,
        part: Part,
        study: Option<&Uid>,
    ) -> Result<(), Fault> {
        if !matches!(part.media_type.as_str(), "" | negotiate::DICOM) {
            return Err(UNSUPPORTED);
        }
        let size = part.body.len();
        // Behind what waits, there must be room for this one as well.
        if filing.batch.bytes + size > BATCH_BYTES || filing.batch.incoming.len() >= BATCH_MAX {
            self.file(allowed, filing).await?;
        }
        let permit = filing.arriving.take();
        let read = blocking(move || {
            let instance = Instance::read(&part.body);
            Ok(instance.map(|instance| Incoming { instance, file: part.body }))
        });
        match read.await? {
            Err(refusal) => filing.outcomes.push(refused(None, failure(refusal))),
            Ok(one) if study.is_some_and(|study| *study != one.instance.study) => {
                filing.outcomes.push(refused(Some(&one.instance), Failure::Contradiction));
            }
            Ok(one) => {
                filing.batch.incoming.push(one);
                filing.batch.bytes += size;
                filing.batch.held.extend(permit);
            }
        }
        Ok(())
    }

    /// Room for what arrives. Nobody waits for it while holding some: two requests could wait
    /// for each other for ever.
    async fn reserve(
        &self,
        allowed: &Arc<Allowed>,
        filing: &mut Filing,
        bytes: usize,
    ) -> Result<(), Fault> {
        let held = filing.arriving.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let lacking = bytes.div_ceil(MEBIBYTE).saturating_sub(held);
        let Ok(lacking) = u32::try_from(lacking) else { return Err(Fault::TOO_LARGE) };
        if lacking == 0 {
            return Ok(());
        }
        let room = || Arc::clone(&self.0.memory).try_acquire_many_owned(lacking);
        let mut permit = room();
        if permit.is_err() {
            self.file(allowed, filing).await?;
            permit = room();
        }
        let permit = permit.map_err(|_| Fault::BUSY)?;
        match &mut filing.arriving {
            Some(own) => own.merge(permit),
            none => *none = Some(permit),
        }
        Ok(())
    }

    async fn file(&self, allowed: &Arc<Allowed>, filing: &mut Filing) -> Result<(), Fault> {
        let batch = std::mem::take(&mut filing.batch);
        if batch.incoming.is_empty() {
            return Ok(());
        }
        let (images, allowed) = (self.0.shelf.clone(), Arc::clone(allowed));
        let work = blocking(move || Ok(images.file(&allowed.caller, batch.incoming, allowed.now)));
        filing.outcomes.extend(work.await?);
        Ok(())
    }
}

const CUT: Fault = Fault::bad("imaging.body_cut", "The body broke off.");
const UNSUPPORTED: Fault = Fault::new(
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    "imaging.media_type",
    "Images are stored as multipart/related with parts of application/dicom.",
);

impl From<MultipartFlaw> for Fault {
    fn from(flaw: MultipartFlaw) -> Self {
        match flaw {
            MultipartFlaw::Boundary | MultipartFlaw::Headers => {
                Self::bad("imaging.multipart_malformed", "The body is not multipart as it says.")
            }
            MultipartFlaw::Size => Self::TOO_LARGE,
            MultipartFlaw::Cut => CUT,
        }
    }
}

fn refused(instance: Option<&Instance>, failure: Failure) -> Outcome {
    let uids =
        instance.map(|one| [&one.class, &one.instance, &one.study, &one.series].map(Uid::clone));
    Outcome { uids, result: Err(failure), patient: None }
}

const fn failure(refusal: InstanceRefusal) -> Failure {
    match refusal {
        InstanceRefusal::Flaw(Flaw::Syntax) => Failure::Syntax,
        InstanceRefusal::Head | InstanceRefusal::Pixels => Failure::Contradiction,
        InstanceRefusal::Metadata => Failure::Full,
        InstanceRefusal::Flaw(_) | InstanceRefusal::Uid => Failure::Unsound,
    }
}

/// The answer (PS3.18, 10.5.3 and table I.2-1).
fn told(head: &Head, outcomes: Vec<Outcome>) -> Told {
    let (mut stored, mut refused, mut unread) = (Vec::new(), Vec::new(), Vec::new());
    let (mut study, mut warned) = (None, false);
    let mut patients = Vec::new();
    for outcome in outcomes {
        let Outcome { uids, result, patient } = outcome;
        patients.extend(patient.filter(|patient| !patients.contains(patient)));
        match (uids, result) {
            (Some(uids), Ok(filed)) => {
                warned |= filed.warning.is_some();
                stored.push(one_stored(head, &uids, filed.warning.map(Warning::reason)));
                study.get_or_insert_with(|| format!("{}/studies/{}", head.base, uids[2]));
            }
            (Some(uids), Err(failure)) => refused.push(item(&uids, Some(failure.reason()), [])),
            (None, result) => {
                let reason = result.err().unwrap_or(Failure::Unsound).reason();
                let (name, value) = member(tags::FAILURE_REASON, "US", number(reason));
                unread.push(Node::Object(vec![(name.into(), value)]));
            }
        }
    }
    let count = stored.len() as u64;
    let status = match (stored.is_empty(), refused.is_empty() && unread.is_empty()) {
        (false, true) if !warned => StatusCode::OK,
        (false, _) => StatusCode::ACCEPTED,
        (true, false) => StatusCode::CONFLICT,
        (true, true) => StatusCode::BAD_REQUEST,
    };
    let mut members = Vec::new();
    members.extend(study.map(|url| member(tags::RETRIEVE_URL, "UR", word(&url))));
    for (tag, items) in [
        (tags::FAILED_SOP_SEQUENCE, refused),
        (tags::REFERENCED_SOP_SEQUENCE, stored),
        (tags::OTHER_FAILURES_SEQUENCE, unread),
    ] {
        if !items.is_empty() {
            members.push((name(tag), attribute("SQ", items)));
        }
    }
    let members = members.into_iter().map(|(name, value)| (name.into(), value)).collect();
    let mut answer = super::search::json(&Node::Object(members));
    *answer.status_mut() = status;
    Told { answer, patients, count }
}

fn one_stored(head: &Head, uids: &[Uid; 4], warning: Option<u16>) -> Node<'static> {
    let [_, instance, study, series] = uids;
    let url = format!("{}/studies/{study}/series/{series}/instances/{instance}", head.base);
    let mut more = vec![member(tags::RETRIEVE_URL, "UR", word(&url))];
    more.extend(warning.map(|reason| member(tags::WARNING_REASON, "US", number(reason))));
    item(uids, None, more)
}

fn item(
    uids: &[Uid; 4],
    reason: Option<u16>,
    more: impl IntoIterator<Item = (String, Node<'static>)>,
) -> Node<'static> {
    let [class, instance, ..] = uids;
    let mut members = vec![
        member(tags::REFERENCED_SOP_CLASS_UID, "UI", word(class.as_str())),
        member(tags::REFERENCED_SOP_INSTANCE_UID, "UI", word(instance.as_str())),
    ];
    members.extend(more);
    members.extend(reason.map(|reason| member(tags::FAILURE_REASON, "US", number(reason))));
    members.sort_by(|one, other| one.0.cmp(&other.0));
    Node::Object(members.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

fn member(tag: Tag, vr: &'static str, value: Node<'static>) -> (String, Node<'static>) {
    (name(tag), attribute(vr, vec![value]))
}

fn number(reason: u16) -> Node<'static> {
    Node::Number(reason.to_string().into())
}
