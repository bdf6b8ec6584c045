//! Attacks on ledgers, the other way round: has the host rewritten one?
//! They belong to the probe.
//! They read what everybody may read.

use autoclave_ledger::audit::{Expected, audit};
use autoclave_ledger::{Checkpoint, LogKey};
use tokio::runtime::Handle;

use crate::commands::probe::Attack;
use crate::commands::probe::site::{Reply, Site, Tried};

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "ledger.attestor_rewritten",
        tries: "finding a line, tile or root of the attestor's ledger that does not fit",
        refused_by: &[],
        run: |site| Box::pin(whole(site, "attestor")),
    },
    Attack {
        name: "ledger.broker_rewritten",
        tries: "finding a line, tile or root of the broker's ledger that does not fit",
        refused_by: &[],
        run: |site| Box::pin(whole(site, "broker")),
    },
    Attack {
        name: "ledger.clinic_rewritten",
        tries: "finding a line, tile or root of the clinic's ledger that does not fit",
        refused_by: &[],
        run: |site| Box::pin(whole(site, "clinic")),
    },
    Attack {
        name: "ledger.foreign_key",
        tries: "a checkpoint that verifies under another enclave's key",
        refused_by: &["ledger.checkpoint"],
        run: |site| Box::pin(foreign(site)),
    },
];

fn get(site: &Site, party: &str, path: &str) -> std::io::Result<Option<Vec<u8>>> {
    let path = format!("/parties/{party}/ledger/{path}");
    let asking = site.http.get(&path);
    let answer = tokio::task::block_in_place(|| Handle::current().block_on(asking));
    let answer = answer.map_err(std::io::Error::other)?;
    match answer.status.as_u16() {
        200 => Ok(Some(answer.body.to_vec())),
        429 => Err(std::io::Error::other("too many requests")),
        _ => Ok(None),
    }
}

fn text(site: &Site, party: &str, path: &str) -> Result<String, String> {
    let bytes = get(site, party, path).map_err(|error| error.to_string())?;
    String::from_utf8(bytes.ok_or("not served")?).map_err(|error| error.to_string())
}

/// The key that the enclave's verified token names, not the one that the ledger shows.
async fn key(site: &Site, party: &str) -> Result<LogKey, String> {
    let shown: LogKey = text(site, party, "key")?.trim().parse().map_err(|_| "no key")?;
    if party != "attestor" {
        let peer = site.peer(party).await?;
        let named = peer.token().claims().runtime.ledger();
        if named != Some(shown.public_bytes()) {
            return Err("the ledger shows another key than its enclave's token".to_owned());
        }
    }
    Ok(shown)
}

async fn whole(site: &Site, party: &str) -> Tried {
    let key = key(site, party).await?;
    let files = |path: &str| get(site, party, path);
    match audit(&files, &key, &Expected::default(), |_, _| {}) {
        Ok(report) => Ok(Reply::closed(&format!("{} lines, all of them fit", report.size))),
        Err(refusal) if refusal.code() == "ledger.unreadable" => Err(refusal.to_string()),
        Err(refusal) => Ok(Reply { status: 0, code: refusal.code().to_owned(), through: true }),
    }
}

async fn foreign(site: &Site) -> Tried {
    let key = key(site, "broker").await?;
    let note = text(site, "clinic", "checkpoint")?;
    match Checkpoint::open(&note, &key) {
        Err(refusal) => Ok(Reply::closed(refusal.code())),
        Ok(_) => Ok(Reply { status: 0, code: "one key, two ledgers".to_owned(), through: true }),
    }
}
