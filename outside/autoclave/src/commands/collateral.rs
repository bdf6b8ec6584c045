//! `collateral`: what vendors say of their platforms, fetched, kept in a bundle, carried to
//! machines without a network. It belongs to whoever operates an attestor, which reads the
//! bundle. Vendors signed what counts: everything is verified before it is taken, and a
//! failure to fetch leaves what is there.

mod fetch;
mod http;
mod kds;
mod pcs;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use autoclave_attest::evidence::dcap::verify_collateral;
use autoclave_attest::evidence::{Endorsements, Expiry};
use autoclave_base::UnixTime;

use super::evidence::bounded;
use crate::cli::Collateral;
use crate::failure::{Failure, Outcome};
use crate::{files, terminal};

/// Largest bundle: what an attestor reads (bytes).
const BUNDLE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What ends sooner is warned of (seconds): Intel's statements hold thirty days.
pub(crate) const WARN_SECONDS: u64 = 7 * 86_400;

/// Runs the command.
pub async fn run(command: Collateral) -> Outcome {
    match command {
        Collateral::Fetch { bundle, sources, quotes } => {
            fetch::fetch(&bundle, &sources, &quotes).await
        }
        Collateral::Keep { bundle, sources, every_hours } => {
            let every = Duration::from_secs(u64::from(every_hours.max(1)) * 3600);
            loop {
                if let Err(failure) = fetch::fetch(&bundle, &sources, &[]).await {
                    terminal::note(format_args!("collateral: {failure}"));
                }
                tokio::time::sleep(every).await;
            }
        }
        Collateral::Show { bundle, at } => show(&open(&bundle)?, time(at)),
        Collateral::Export { bundle, out, at } => {
            let (kept, refused) = verified(&open(&bundle)?, time(at))?;
            tell(&refused);
            save(&out, &kept)
        }
        Collateral::Import { bundle, file, at } => {
            let (taken, refused) = verified(&open(&file)?, time(at))?;
            tell(&refused);
            let mut kept = if bundle.exists() { open(&bundle)? } else { Endorsements::new() };
            kept.merge(taken).map_err(|error| Failure::new(error.code(), error))?;
            save(&bundle, &kept)?;
            if refused.is_empty() {
                return Ok(());
            }
            Err(Failure::new("collateral.refused", "not all of the bundle was taken"))
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the command's own clock, unless --at says otherwise"
)]
pub(crate) fn time(at: Option<u64>) -> UnixTime {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    UnixTime::from_seconds(at.unwrap_or_else(now))
}

pub(crate) fn open(path: &Path) -> Outcome<Endorsements> {
    let bytes = bounded(path, BUNDLE_BYTES_MAX)?;
    serde_json::from_slice(&bytes).map_err(|error| Failure::malformed(path, error))
}

/// Writes beside and renames, so that an attestor never reads half a bundle.
fn save(path: &Path, kept: &Endorsements) -> Outcome {
    let beside = path.with_extension("new");
    files::write_json(&beside, kept)?;
    std::fs::rename(&beside, path).map_err(|error| Failure::file(path, &error))
}

/// What of a bundle verifies at `now`, and what does not, for people. AMD's certificates
/// hold for years and are verified with every report; here only their form and end count.
fn verified(bundle: &Endorsements, now: UnixTime) -> Outcome<(Endorsements, Vec<String>)> {
    let full =
        |error: autoclave_attest::evidence::EndorsementsRefusal| Failure::new(error.code(), error);
    let (mut taken, mut refused) = (Endorsements::new(), Vec::new());
    for (key, one) in bundle.all_dcap() {
        match verify_collateral(key, one, now) {
            Ok(_) => taken.insert_dcap(key.clone(), one.clone()).map_err(full)?,
            Err(refusal) => refused.push(format!("Intel {} [{}]", key.fmspc, refusal.code())),
        }
    }
    let mut amd = Endorsements::new();
    for (key, vek) in bundle.all_veks() {
        amd.insert_vek(key.clone(), vek.to_vec()).map_err(full)?;
    }
    for (product, authority) in bundle.all_snp() {
        amd.insert_snp(product.to_owned(), authority.clone()).map_err(full)?;
    }
    let ended = |one: &Expiry| one.ends.is_none_or(|ends| ends < now);
    let dead: Vec<_> = amd.expiries().into_iter().filter(ended).collect();
    if dead.is_empty() {
        taken.merge(amd).map_err(full)?;
    } else {
        refused.extend(dead.into_iter().map(|one| format!("{} [collateral.ended]", one.what)));
    }
    Ok((taken, refused))
}

fn tell(refused: &[String]) {
    for one in refused {
        terminal::note(format_args!("not taken: {one}"));
    }
}

/// Lists a bundle; fails where something in it has ended.
fn show(bundle: &Endorsements, now: UnixTime) -> Outcome {
    let (_, refused) = verified(bundle, now)?;
    for one in bundle.expiries() {
        let ends = one.ends.map_or_else(|| "unreadable".to_owned(), UnixTime::rfc3339);
        let soon = one.ends.is_none_or(|ends| ends < now.plus(WARN_SECONDS));
        let warning = if soon { "  ENDS SOON OR HAS ENDED: fetch it again" } else { "" };
        terminal::out(format_args!("{:<44} until {ends}{warning}", one.what));
    }
    tell(&refused);
    if refused.is_empty() {
        return Ok(());
    }
    Err(Failure::new("collateral.refused", "not all of the bundle would be believed"))
}
