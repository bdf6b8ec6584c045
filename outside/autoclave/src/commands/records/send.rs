//! `autoclave records import DIR|FILE…`: every parcel in turn, with progress, a report of
//! what was refused, and a journal to go on from. It belongs to the command line. A parcel is
//! noted as sent when the clinic has answered for all of it, never before.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::journal::Journal;
use super::parcel::Parcel;
use super::report::Report;
use super::source::{self, Source};
use crate::cli::Import;
use crate::commands::fhir::Link;
use crate::failure::{Failure, Outcome};
use crate::terminal;

/// How often a parcel is sent to a clinic that is away or busy, with pauses that double.
const ATTEMPTS: u32 = 8;
const PAUSE: Duration = Duration::from_millis(250);

/// `records import`
pub async fn import(words: &Import) -> Outcome {
    let paths = source::find(&words.paths)?;
    let link = Link::open(&words.connection).await?;
    let mut journal = Journal::open(&words.journal, link.address())?;
    let mut report = Report::begin(&words.report);
    let bar = bar(paths.len());
    for path in &paths {
        let source = Source::read(path)?;
        file(&link, &source, &mut journal, &mut report, &bar).await?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    tell(words, &report, paths.len())
}

async fn file(
    link: &Link,
    source: &Source,
    journal: &mut Journal,
    report: &mut Report,
    bar: &ProgressBar,
) -> Outcome {
    let sent = journal.sent(source.digest);
    for (at, cut) in source.cut().into_iter().enumerate().skip(sent) {
        match cut {
            Ok(parcel) => {
                let (status, answer) = deliver(link, &parcel).await?;
                report.read(&source.path, &parcel, status, &answer)?;
            }
            Err(unfit) => {
                let (code, said) = (unfit.why.code(), unfit.why.to_string());
                report.refuse(&source.path, unfit.first, unfit.count, code, &said)?;
            }
        }
        journal.note(source.digest, at + 1)?;
        bar.set_message(format!("{} taken, {} refused", report.taken, report.refused));
    }
    Ok(())
}

/// Sends a parcel until the clinic answers for it. Repeating is safe: every id is settled.
async fn deliver(link: &Link, parcel: &Parcel) -> Outcome<(u16, Vec<u8>)> {
    let mut pause = PAUSE;
    let mut attempt = 1;
    loop {
        let outcome = link.send(http::Method::POST, "", Some(&parcel.body)).await;
        let again = match &outcome {
            Ok((status, _)) => *status == 429 || *status >= 500,
            Err(_) => true,
        };
        if !again || attempt == ATTEMPTS {
            return outcome.map_err(|failure| {
                failure.advise("Start the same command again: it goes on where it stopped.")
            });
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
        attempt += 1;
    }
}

fn bar(files: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} files  {msg}  {elapsed}");
    let bar = ProgressBar::new(files as u64);
    style.map_or_else(|_| ProgressBar::hidden(), |style| bar.with_style(style))
}

fn tell(words: &Import, report: &Report, files: usize) -> Outcome {
    let (taken, refused) = (report.taken, report.refused);
    if words.json {
        terminal::out(
            json!({"files": files, "taken": taken, "refused": refused, "report": words.report}),
        );
    } else {
        terminal::out(format!("{files} files: {taken} resources taken, {refused} rows refused."));
    }
    if refused == 0 {
        return Ok(());
    }
    let text =
        format!("{refused} rows were refused; {} says which and why", words.report.display());
    Err(Failure::new("import.refused", text))
}
