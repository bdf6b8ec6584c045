//! What is to be imported: the lines of the request itself, or a manifest that names files.

use autoclave_base::Digest;
use autoclave_fhir::json::Node;
use autoclave_ledger::Label;

use super::super::identity::Identity;
use super::Import;
use super::job::{self, Input, Job, Source, State};
use crate::server::{Caller, Fault, FhirRequest};

/// Lines of one sealed part of an upload, in bytes; a part is one batch.
const PART_BYTES: usize = 1 << 20;
/// Files of one manifest.
const INPUTS_MAX: usize = 1_000;

/// The job that is asked for; uploads are kept before it begins.
pub(super) fn job(
    import: &Import,
    caller: &Caller,
    request: &FhirRequest,
    rules: &[Label],
    now: i64,
) -> Result<Job, Fault> {
    if caller.patient.is_some() {
        return Err(Fault::bad("import.confined", "Who is confined to one record imports none."));
    }
    let random: [u8; 16] = rand::random();
    let parts = [&random[..], caller.actor.as_str().as_bytes(), &now.to_be_bytes()];
    let id = Digest::of_parts(&parts).hex()[..32].to_owned();
    let media = request.headers.get(http::header::CONTENT_TYPE);
    let media = media.and_then(|value| value.to_str().ok()).unwrap_or("");
    let inputs = if media.contains("ndjson") {
        vec![upload(import, &id, &request.body)?]
    } else {
        manifest(import, &request.body)?
    };
    Ok(Job {
        id,
        owner: Identity::of(caller),
        rules: rules.iter().map(|rule| rule.as_str().to_owned()).collect(),
        request: format!("{}/{}", request.base, request.path.join("/")),
        started: now,
        inputs,
        at: 0,
        batch: 0,
        state: State::Running,
    })
}

fn upload(import: &Import, id: &str, body: &[u8]) -> Result<Input, Fault> {
    let (mut parts, mut rest) = (0, body);
    while !rest.is_empty() {
        let end = rest.iter().skip(PART_BYTES).position(|byte| *byte == b'\n');
        let (part, next) = rest.split_at(end.map_or(rest.len(), |at| PART_BYTES + at + 1));
        import.vault.put(&job::upload(id, &parts.to_string()), part)?;
        parts += 1;
        rest = next;
    }
    Ok(input(None, None, Source::Upload { parts, at: 0 }))
}

fn manifest(import: &Import, body: &[u8]) -> Result<Vec<Input>, Fault> {
    let refused = |place: &str| {
        Fault::bad("import.manifest", "Not a manifest of files that may be imported.").at(place)
    };
    let node = Node::parse(body).map_err(|_| refused("body"))?;
    if !node.text_of("inputFormat").is_some_and(|format| format.contains("ndjson")) {
        return Err(refused("inputFormat"));
    }
    let all = node.get("input").map_or(&[][..], Node::items);
    if all.is_empty() || all.len() > INPUTS_MAX {
        return Err(refused("input"));
    }
    let each = all.iter().map(|one| {
        let url = one.text_of("url").ok_or_else(|| refused("input.url"))?;
        let name = url.strip_prefix("file:").ok_or_else(|| refused("input.url"))?;
        let path = import.file(name).ok_or_else(|| refused("input.url"))?;
        if !path.is_file() {
            return Err(refused("input.url"));
        }
        let kind = one.text_of("type").map(str::to_owned);
        let source = Source::File { name: name.to_owned(), offset: 0 };
        Ok(input(Some(url.to_owned()), kind, source))
    });
    each.collect()
}

const fn input(url: Option<String>, kind: Option<String>, source: Source) -> Input {
    Input { url, kind, source, line: 0, stored: 0, unchanged: 0, failed: 0 }
}
