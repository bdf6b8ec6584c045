//! `witness`: a witness of ledgers as a program.
//! It belongs to whoever does not run the ledgers: a hospital, an auditor.
//! It stops when it is told to; what it cosigned is on its disk before it says so.

use std::sync::Arc;
use std::time::Duration;

use autoclave_client::http::Http;
use autoclave_ledger::{LogKey, WitnessSigner};
use autoclave_witness::exchange::{self, Sources};
use autoclave_witness::server::{self, Service};
use autoclave_witness::{Store, StoreError, Witness};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::watch;
use crate::failure::{Failure, Outcome};
use crate::terminal;

/// Runs the command until a signal.
pub async fn run(command: watch::Witness) -> Outcome {
    let (mut store, key) = Store::open(&command.dir).map_err(|error| refused(&error))?;
    let signer = WitnessSigner::new(&command.name, key);
    let signer = signer.map_err(|refusal| Failure::new(refusal.code(), refusal))?;
    let sources = logs(&command.logs, &mut store)?;
    let peers: Result<Vec<Http>, _> = command.peers.iter().map(|peer| Http::new(peer)).collect();
    let peers = peers.map_err(|error| Failure::new(error.code(), error))?;
    let listen = |error| Failure::new("witness.listen", format!("{}: {error}", command.listen));
    let listener = server::bind(command.listen).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let witness = Witness::new(signer, command.open, store);
    terminal::out(format_args!("witness {}", witness.key()));
    terminal::out(format_args!("listens at http://{address}"));
    let service = Arc::new(Service { witness, sources });
    let pause = Duration::from_secs(command.every.max(1));
    let meeting = tokio::spawn(exchange::keep(service.clone(), peers, pause));
    server::serve(service, listener, told_to_stop()?).await;
    meeting.abort();
    Ok(())
}

/// The ledgers that the command line names, and where their files are.
fn logs(named: &[String], store: &mut Store) -> Outcome<Sources> {
    let mut sources = Sources::default();
    for log in named {
        // A key's base64 may end in `=`; the URL begins after the last one before `http`.
        let (text, url) = log
            .split_once("=http://")
            .map_or((log.as_str(), None), |(key, rest)| (key, Some(format!("http://{rest}"))));
        let key = text.parse::<LogKey>();
        let key = key.map_err(|refusal| Failure::new(refusal.code(), refusal))?;
        if store.get(key.name()).is_none() {
            store.add(&key).map_err(|error| refused(&error))?;
        }
        if let Some(url) = url
            && !sources.add(&key, &url)
        {
            return Err(Failure::new("witness.url", format!("{url} is no address of a ledger")));
        }
    }
    Ok(sources)
}

fn refused(error: &StoreError) -> Failure {
    Failure::new(error.code(), error)
}

fn told_to_stop() -> Outcome<impl Future<Output = ()>> {
    let listen = |kind| signal(kind).map_err(|error| Failure::new("witness.signals", error));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
        }
    })
}
