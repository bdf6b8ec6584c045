//! What witnesses tell each other: the latest checkpoint of each log, signed by the log. A
//! log that showed two witnesses two trees is caught at the first exchange, with its own
//! signatures as evidence. A witness believes no other witness, only the log's signature.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use autoclave_client::clock::now;
use autoclave_client::http::Http;
use autoclave_ledger::{Hash, LogKey, follow};
use http::Method;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use crate::server::Service;
use crate::{Met, Refusal};

/// Longest exchange with one witness about one log, and longest look at a log's files.
const EXCHANGE_SECONDS_MAX: Duration = Duration::from_secs(10);

/// What one witness tells another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// The log's key.
    pub log: String,
    /// The latest signed checkpoint, if there is one.
    pub checkpoint: Option<String>,
}

/// Where logs are read: by key, the address and path of their tiles.
#[derive(Clone, Debug, Default)]
pub struct Sources(BTreeMap<String, (String, String)>);

impl Sources {
    /// With the files of the log of `key` below `url`, as in
    /// `http://host:port/parties/broker/ledger`.
    pub fn add(&mut self, key: &LogKey, url: &str) -> bool {
        let split =
            url.strip_prefix("http://").map(|rest| rest.split_once('/').unwrap_or((rest, "")));
        let Some((host, path)) = split else { return false };
        let path = path.trim_end_matches('/');
        let path = if path.is_empty() { String::new() } else { format!("/{path}") };
        self.0.insert(key.to_string(), (format!("http://{host}"), path));
        true
    }

    /// The proof from `old` to `new` lines, out of the log's tiles; blocks.
    fn prove(&self, key: &LogKey, old: u64, new: u64) -> Option<Vec<Hash>> {
        let (address, base) = self.0.get(&key.to_string())?;
        let http = Http::new(address).ok()?;
        let runtime = Handle::try_current().ok()?;
        let read = |path: &str| {
            let path = format!("{base}/{path}");
            let answer = runtime.block_on(timeout(EXCHANGE_SECONDS_MAX, http.get(&path)));
            let unreachable = || std::io::Error::from(std::io::ErrorKind::NotConnected);
            let answer = answer.map_err(|_| unreachable())?.map_err(|_| unreachable())?;
            Ok(answer.status.is_success().then(|| answer.body.to_vec()))
        };
        follow::prove(&read, old, new).ok()
    }
}

/// Takes what another witness tells, compares, and says what this one has.
pub fn take(service: &Service, told: &Told) -> Result<Told, Refusal> {
    let key = told.log.parse::<LogKey>().map_err(|_| Refusal::Key)?;
    if let Some(theirs) = &told.checkpoint {
        meet(service, &key, theirs)?;
    }
    let known = service.witness.logs().into_iter().find(|known| known.key == told.log);
    Ok(Told { log: told.log.clone(), checkpoint: known.and_then(|known| known.note) })
}

fn meet(service: &Service, key: &LogKey, theirs: &str) -> Result<Met, Refusal> {
    let prove = |old, new| service.sources.prove(key, old, new);
    service.witness.meet(key, theirs, now(), prove)
}

/// Tells `peers` what this witness has, every `pause`, and compares what they answer.
pub async fn keep(service: Arc<Service>, peers: Vec<Http>, pause: Duration) {
    loop {
        for peer in &peers {
            round(&service, peer).await;
        }
        sleep(pause).await;
    }
}

/// One exchange about each log; a peer that does not answer is asked again the next time.
async fn round(service: &Arc<Service>, peer: &Http) {
    for known in service.witness.logs() {
        let told = Told { log: known.key.clone(), checkpoint: known.note };
        let Ok(body) = serde_json::to_vec(&told) else { continue };
        let asking = peer.plain(Method::POST, "/exchange", "application/json", body);
        let Ok(Ok(answer)) = timeout(EXCHANGE_SECONDS_MAX, asking).await else { continue };
        let Ok(theirs) = serde_json::from_slice::<Told>(&answer.body) else { continue };
        let service = service.clone();
        let comparing = tokio::task::spawn_blocking(move || {
            let key = known.key.parse::<LogKey>().ok()?;
            meet(&service, &key, theirs.checkpoint.as_deref()?).ok()
        });
        let _compared = comparing.await;
    }
}
