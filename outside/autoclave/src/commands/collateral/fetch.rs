//! Fetching what a bundle keeps, and what new quotes need. The operator's, outside of every
//! enclave: verifying never waits for it. What does not verify is not kept, and what cannot
//! be fetched leaves the earlier statement in place.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use autoclave_attest::evidence::dcap::{QUOTE_BYTES_MAX, collateral_key, verify_collateral};
use autoclave_attest::evidence::snp::{Product, REPORT_BYTES, SnpBody};
use autoclave_attest::evidence::{DcapKey, Endorsements};

use super::{bounded, kds, open, pcs, save, time};
use crate::cli::Sources;
use crate::commands::evidence;
use crate::failure::{Failure, Outcome};
use crate::terminal;

/// Fetches everything that the bundle keeps, and what quotes and reports need.
pub(super) async fn fetch(bundle: &Path, sources: &Sources, evidence: &[PathBuf]) -> Outcome {
    let mut kept = if bundle.exists() { open(bundle)? } else { Endorsements::new() };
    let mut keys: BTreeSet<DcapKey> = kept.all_dcap().map(|(key, _)| key.clone()).collect();
    let mut reports = Vec::new();
    for path in evidence {
        let bytes = bounded(path, QUOTE_BYTES_MAX as u64)?;
        if bytes.len() == REPORT_BYTES {
            reports.push(bytes);
        } else {
            keys.insert(needed(path, &bytes)?);
        }
    }
    let mut failures = Vec::new();
    for key in &keys {
        let outcome = one(&mut kept, sources, key).await;
        failures.extend(outcome.err().map(|failure| format!("Intel {}: {failure}", key.fmspc)));
    }
    failures.extend(authorities(&mut kept, sources).await);
    for report in reports {
        failures.extend(chip(&mut kept, sources, report).await.err().map(|one| one.to_string()));
    }
    save(bundle, &kept)?;
    for failure in &failures {
        terminal::note(failure);
    }
    if failures.is_empty() {
        terminal::out(format_args!("kept in {}", bundle.display()));
        return Ok(());
    }
    let what = format!("{} could not be fetched; what was there stays", failures.len());
    Err(Failure::new("collateral.fetch", what))
}

/// What a report needs, kept if the report verifies with it.
async fn chip(kept: &mut Endorsements, sources: &Sources, report: Vec<u8>) -> Outcome {
    let fetched = kds::fetch(&sources.kds, &report).await?;
    let evidence = SnpBody { report, ..SnpBody::default() }.into_evidence();
    evidence::verify(&evidence, &fetched, time(sources.at))
        .map_err(|refusal| Failure::new(refusal.code(), refusal))?;
    kept.merge(fetched).map_err(|error| Failure::new(error.code(), error))
}

/// Newer lists of what AMD revoked, for all products that the bundle keeps.
async fn authorities(kept: &mut Endorsements, sources: &Sources) -> Vec<String> {
    let mut failures = Vec::new();
    for product in Product::ALL {
        if kept.snp(product.as_str()).is_none() {
            continue;
        }
        let outcome = match kds::authority(&sources.kds, product).await {
            Ok(authority) if authority.crl.is_none() => {
                Err(Failure::new("collateral.unreachable", "the list of what was revoked"))
            }
            Ok(authority) => kept
                .insert_snp(product.as_str().to_owned(), authority)
                .map_err(|error| Failure::new(error.code(), error)),
            Err(failure) => Err(failure),
        };
        failures.extend(outcome.err().map(|failure| format!("AMD {product}: {failure}")));
    }
    failures
}

/// Which collateral a quote in a file needs.
fn needed(quote: &Path, bytes: &[u8]) -> Outcome<DcapKey> {
    collateral_key(bytes).ok_or_else(|| {
        Failure::malformed(quote, "not a quote that brings its platform's certificate")
    })
}

async fn one(kept: &mut Endorsements, sources: &Sources, key: &DcapKey) -> Outcome {
    let collateral = pcs::fetch(&sources.pcs, &sources.root_crl, key).await?;
    verify_collateral(key, &collateral, time(sources.at))
        .map_err(|refusal| Failure::new(refusal.code(), refusal))?;
    kept.insert_dcap(key.clone(), collateral).map_err(|error| Failure::new(error.code(), error))
}
