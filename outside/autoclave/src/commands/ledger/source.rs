//! Where a ledger's files are read: a folder, or a host over HTTP.
//! It belongs to whoever reads ledgers.
//! It hands bytes over and judges none.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use autoclave_client::http::Http;
use autoclave_ledger::LogKey;
use autoclave_ledger::audit::Files;
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::failure::{Failure, Outcome};
use crate::files;

/// The file or route that holds a ledger's key.
const KEY: &str = "key";
/// Time for one file.
const FILE_SECONDS_MAX: Duration = Duration::from_secs(30);
/// The parties that an edge may stand before.
const PARTIES: [&str; 5] = ["attestor", "broker", "diagnosis", "clinic", "cache"];

/// A ledger's files.
pub(super) struct Source {
    /// As it is called when it is spoken of.
    pub(super) name: String,
    place: Place,
}

enum Place {
    Folder(PathBuf),
    Web { http: Http, base: String },
}

impl Source {
    /// A folder, or a URL below which the files lie.
    pub(super) fn parse(text: &str) -> Outcome<Self> {
        let name = text.trim_end_matches('/').to_owned();
        let Some(rest) = name.strip_prefix("http://") else {
            return Ok(Self { place: Place::Folder(PathBuf::from(text)), name });
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let http = Http::new(&format!("http://{host}"));
        let http = http.map_err(|error| Failure::new(error.code(), error))?;
        let base = if path.is_empty() { String::new() } else { format!("/{path}") };
        Ok(Self { name, place: Place::Web { http, base } })
    }

    /// The ledgers that are meant: an edge's address means those of its parties that show one.
    pub(super) fn all(text: &str) -> Outcome<Vec<Self>> {
        let one = Self::parse(text)?;
        if !matches!(&one.place, Place::Web { base, .. } if base.is_empty()) || one.has_key() {
            return Ok(vec![one]);
        }
        let mut found = Vec::new();
        for party in PARTIES {
            let party = Self::parse(&format!("{}/parties/{party}/ledger", one.name))?;
            if party.has_key() {
                found.push(party);
            }
        }
        if found.is_empty() {
            return Err(Failure::new("ledger.unreadable", format!("{text} shows no ledger")));
        }
        Ok(found)
    }

    fn has_key(&self) -> bool {
        matches!(self.read(KEY), Ok(Some(_)))
    }

    /// The key that was given (as text or in a file), or the one that the ledger shows; says
    /// whether it is the ledger's own.
    pub(super) fn key(&self, given: Option<&str>) -> Outcome<(LogKey, bool)> {
        let (text, own) = match given {
            Some(text) if text.contains('+') => (text.to_owned(), false),
            Some(path) => (files::read_text(Path::new(path))?, false),
            None => (self.text(KEY)?, true),
        };
        let key = text.trim().parse::<LogKey>();
        Ok((key.map_err(|refusal| Failure::new(refusal.code(), refusal))?, own))
    }

    /// A file that must be there, as text.
    pub(super) fn text(&self, path: &str) -> Outcome<String> {
        let told = |error: &dyn std::fmt::Display| {
            Failure::new("ledger.unreadable", format!("{}/{path}: {error}", self.name))
        };
        let bytes = self.read(path).map_err(|error| told(&error))?;
        let bytes = bytes.ok_or_else(|| told(&"is not there"))?;
        String::from_utf8(bytes).map_err(|error| told(&error))
    }
}

impl Files for Source {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        match &self.place {
            Place::Folder(folder) => match std::fs::read(folder.join(path)) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            },
            Place::Web { http, base } => {
                let path = format!("{base}/{path}");
                let asking = async { timeout(FILE_SECONDS_MAX, http.get(&path)).await };
                let answer = tokio::task::block_in_place(|| Handle::current().block_on(asking));
                let answer = answer.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
                let answer = answer.map_err(io::Error::other)?;
                match answer.status.as_u16() {
                    200 => Ok(Some(answer.body.to_vec())),
                    404 => Ok(None),
                    status => Err(io::Error::other(format!("status {status}"))),
                }
            }
        }
    }
}
