//! A deployment whose clinic has its cache outside: in Debian's Redis, or in a cache enclave.
//! The cache is used, is killed with -9 in the middle of work and comes back, and nobody
//! notices; then all that it held is searched for markers that were planted. Run by
//! `cargo xtask test redis` and `cargo xtask test cache`.
//!
//!     cached redis|attested FOLDER      (empty; real processes on loopback)

mod search;
mod site;

use std::error::Error;

use autoclave::deploy::party::CacheKind;
use autoclave_client::Diagnosis;

use self::search::{is_in_memory, is_in_text};
use self::site::Site;

pub(crate) type Any<T> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Any<()> {
    let mut words = std::env::args().skip(1);
    let usage = "usage: cached redis|attested FOLDER";
    let (kind, folder) = (words.next().ok_or(usage)?, words.next().ok_or(usage)?);
    match kind.as_str() {
        "redis" => Box::pin(redis(Site::start(&folder, CacheKind::Redis).await?)).await,
        "attested" => Box::pin(attested(Site::start(&folder, CacheKind::Attested).await?)).await,
        _ => Err(usage.into()),
    }
}

async fn redis(mut site: Site) -> Any<()> {
    used(&site).await?;
    finds_nothing_in_redis(&site).await?;
    let before = site.killed_in_the_middle_of_work().await?;
    site.start_redis_again().await?;
    comes_back(&site, &before).await?;
    finds_nothing_in_redis(&site).await?;
    site.stop().await?;
    say("redis: used, killed, back; sealed values under keyed hashes, no marker in its memory");
    Ok(())
}

async fn attested(mut site: Site) -> Any<()> {
    let first = used(&site).await?;
    need(names(&first) == ["cache", "clinic"], "the receipt names cache and clinic")?;
    let shown = site.receipt_as_the_command_line_shows_it(&first)?;
    need(shown.contains("cache sha256:"), "`receipt verify` shows the cache")?;
    let id = site.cache_process()?;
    for marker in site.markers() {
        need(!is_in_memory(id, marker)?, "no marker in the cache enclave's memory")?;
    }
    let during = site.killed_in_the_middle_of_work().await?;
    let after = site.diagnose().await?;
    need(names(&after) == ["clinic"], "without the cache the image comes from the records")?;
    let again = site.ask_again(&during).await?;
    need(again.bundle.receipt == during.bundle.receipt, "what was filed is answered")?;
    site.stop().await?;
    say("cache: verified, a link of the chain, shown by its receipt; killed, and work goes on");
    say(&shown);
    Ok(())
}

/// The first diagnosis, and the same asked again, out of the cache.
async fn used(site: &Site) -> Any<Diagnosis> {
    let first = site.diagnose().await?;
    let before = site.hits().await?;
    need(before > 0, "the image came out of the cache")?;
    let again = site.ask_again(&first).await?;
    need(again.bundle.receipt == first.bundle.receipt, "what was filed is answered")?;
    need(site.hits().await? > before, "the answer came out of the cache")?;
    Ok(first)
}

async fn comes_back(site: &Site, filed: &Diagnosis) -> Any<()> {
    let before = site.hits().await?;
    for _ in 0..site::TRIES {
        site.ask_again(filed).await?;
        if site.hits().await? > before {
            return Ok(());
        }
        tokio::time::sleep(site::PAUSE).await;
    }
    Err("the cache is not used again".into())
}

/// Its keys, a snapshot of all its values, and its memory; and that a search finds what is
/// there.
async fn finds_nothing_in_redis(site: &Site) -> Any<()> {
    let keys = site.redis("KEYS *\r\n").await?;
    need(keys.contains("autoclave:"), "there are keys")?;
    // Compressed, a marker would not be found.
    site.redis("CONFIG SET rdbcompression no\r\nSAVE\r\n").await?;
    let snapshot = std::fs::read(site.snapshot())?;
    need(snapshot.len() > 1000, "there are values")?;
    let id = site.cache_process()?;
    for marker in site.markers() {
        need(!keys.contains(marker), "no marker in a key")?;
        need(!is_in_text(&snapshot, marker.as_bytes()), "no marker in the snapshot")?;
        need(!is_in_memory(id, marker)?, "no marker in the memory")?;
    }
    // The end of the marker is put in here, or the search would find its own command.
    let planted = ["planted", "on", "purpose"].join("-");
    site.redis(&format!("SET search {planted}\r\nSAVE\r\n")).await?;
    need(is_in_memory(id, &planted)?, "the search finds what is in the memory")?;
    let snapshot = std::fs::read(site.snapshot())?;
    need(is_in_text(&snapshot, planted.as_bytes()), "and what is in the snapshot")?;
    site.redis("DEL search\r\n").await?;
    Ok(std::fs::remove_file(site.snapshot())?)
}

/// The components that a diagnosis' image came through.
fn names(diagnosis: &Diagnosis) -> Vec<&str> {
    let chain = diagnosis.checked.chain().unwrap_or_default();
    chain.iter().map(|token| token.workload().as_str()).collect()
}

pub(crate) fn need(holds: bool, what: &str) -> Any<()> {
    if holds { Ok(()) } else { Err(format!("it does not hold: {what}").into()) }
}

#[expect(clippy::print_stdout, reason = "the figures are for people")]
fn say(line: &str) {
    println!("{line}");
}
