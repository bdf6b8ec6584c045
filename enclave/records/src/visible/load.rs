//! Consents and labels in use, as the store has them. The hospital's; read once for each tenant
//! and again for each patient whose consents change.

use std::collections::HashMap;
use std::sync::Arc;

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;
use autoclave_record::consent::{Effect, Rules};
use autoclave_record::label::{ACT_CODE, CONFIDENTIALITY, Clearance};
use autoclave_search::{Filter, Page};

use super::{TenantRules, labels};
use crate::Tenant;
use crate::store::{Hidden, Store, StoreError, Stored, View};

/// Consents that are opened at once.
const PAGE: u32 = 500;

type Found = HashMap<i64, Arc<Rules>>;

/// Everything in force in a tenant.
pub(super) fn tenant(store: &Store, tenant: Tenant) -> Result<TenantRules, StoreError> {
    store.read(tenant, |view| {
        let patients = compile(consents(view, &Filter::Everything)?);
        let mut rules = TenantRules { patients, ..TenantRules::default() };
        for kind in Kind::all() {
            in_use(store, view, kind, &mut rules)?;
        }
        Ok(rules)
    })
}

/// The consents of some patients; those who have none are absent.
pub(super) fn patients(store: &Store, tenant: Tenant, keys: &[i64]) -> Result<Found, StoreError> {
    if keys.is_empty() {
        return Ok(Found::new());
    }
    let theirs = keys.iter().map(|key| Filter::Compartment { patient: *key }).collect();
    let found = store.read::<_, StoreError>(tenant, |view| consents(view, &Filter::Any(theirs)))?;
    let theirs =
        found.into_iter().filter(|stored| stored.owner.is_some_and(|owner| keys.contains(&owner)));
    Ok(compile(theirs.collect()))
}

fn consents(view: &mut View<'_>, filter: &Filter) -> Result<Vec<Stored>, StoreError> {
    let (kind, mut page, mut all) = (Kind::known("Consent"), Page::First, Vec::new());
    loop {
        let hits = view.search(kind, filter, &Hidden::NOBODY, &[], &page, PAGE)?;
        let Some(last) = hits.last() else { return Ok(all) };
        page = Page::After(last.row);
        let rows: Vec<i64> = hits.iter().map(|hit| hit.row).collect();
        all.extend(view.open(&rows)?);
    }
}

fn compile(consents: Vec<Stored>) -> Found {
    let mut by_owner: HashMap<i64, Vec<Stored>> = HashMap::new();
    for stored in consents {
        if let Some(owner) = stored.owner {
            by_owner.entry(owner).or_default().push(stored);
        }
    }
    let compiled = by_owner.into_iter().filter_map(|(owner, consents)| {
        let documents: Vec<_> = consents.iter().filter_map(|at| at.document.as_ref()).collect();
        let nodes: Vec<Node<'_>> = documents.iter().filter_map(|at| at.node().ok()).collect();
        let patient = nodes.iter().find_map(patient)?;
        let rules = Rules::compile(&patient, &nodes, Effect::Permit);
        (!rules.is_empty()).then(|| (owner, Arc::new(rules)))
    });
    compiled.collect()
}

/// The id in `patient.reference`.
fn patient(consent: &Node<'_>) -> Option<String> {
    let reference = consent.at(&["patient", "reference"])?.text()?;
    reference.rsplit('/').next().map(str::to_owned)
}

/// Which labels above normal a type has: one question, and more only where there are any.
fn in_use(
    store: &Store,
    view: &mut View<'_>,
    kind: Kind,
    rules: &mut TenantRules,
) -> Result<(), StoreError> {
    let labels = Clearance::normal().withheld();
    let mut each = Vec::with_capacity(labels.len());
    for (system, code) in labels {
        let Some(filter) = labels::labelled(store, kind, system, code) else { return Ok(()) };
        each.push((system, code, filter));
    }
    let any = Filter::Any(each.iter().map(|(.., filter)| filter.clone()).collect());
    if !exists(view, kind, &any)? {
        return Ok(());
    }
    for (system, code, filter) in each {
        if exists(view, kind, &filter)? {
            debug_assert!(system == ACT_CODE || system == CONFIDENTIALITY);
            rules.labels.insert(kind, system, code);
        }
    }
    Ok(())
}

fn exists(view: &mut View<'_>, kind: Kind, filter: &Filter) -> Result<bool, StoreError> {
    Ok(!view.search(kind, filter, &Hidden::NOBODY, &[], &Page::First, 1)?.is_empty())
}
