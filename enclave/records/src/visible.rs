//! What an asker may meet: consents and security labels, in force on every way to a record.
//! The patient's and the hospital's. [`Consents`] keeps the compiled consents of all patients
//! who gave any; [`Visible`] is what follows for one request: which patients are hidden before
//! anything is searched, and whether an opened resource is shown.
//!
//! The institution's rule for patients without a consent is that staff may (opt-out): who
//! objects files a `Consent`. A resource belongs to the first patient in whose compartment it
//! is, and that patient's consent decides.

mod labels;
mod load;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;
use autoclave_record::Purpose;
use autoclave_record::consent::{About, Act, Asker, Decision, Overall, Rules};
use autoclave_record::label::{Clearance, Labels};
use autoclave_search::Filter;
use lru::LruCache;

use crate::Tenant;
use crate::server::Caller;
use crate::store::{Hidden, Store, StoreError, Stored};
use labels::InUse;

/// Askers whose view of a tenant is remembered; more are worked out again.
const SIGHTS_MAX: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// The consents in force. Clones share one.
#[derive(Clone)]
pub struct Consents {
    store: Store,
    known: Arc<Mutex<Known>>,
    /// Held while consents are read again, so that the last one to read has seen all writes.
    refreshing: Arc<Mutex<()>>,
}

struct Known {
    tenants: HashMap<Tenant, Arc<TenantRules>>,
    sights: LruCache<(Tenant, SightOf), Arc<Sight>>,
}

/// What is in force in one tenant.
#[derive(Clone, Default)]
struct TenantRules {
    patients: HashMap<i64, Arc<Rules>>,
    labels: InUse,
}

/// What a sight depends on, besides the time.
#[derive(Clone, PartialEq, Eq, Hash)]
struct SightOf {
    references: Vec<String>,
    role: String,
    purpose: Purpose,
    discloses: bool,
}

/// What one asker may meet, as far as it is known before anything is opened.
struct Sight {
    hidden: Hidden,
    partly: HashMap<i64, Arc<Rules>>,
    /// Until when it holds, in milliseconds since 1970.
    until: i64,
}

/// Patients and labels that a change touched.
#[derive(Default)]
pub struct Touched {
    patients: Vec<i64>,
    labels: InUse,
    subscriptions: Vec<String>,
}

impl Touched {
    /// Notes what was stored or deleted; after each put and delete.
    pub fn note(&mut self, stored: &Stored) {
        if stored.kind == Kind::known("Consent") {
            self.patients.extend(stored.owner);
        }
        if stored.kind == Kind::known("Subscription") {
            self.subscriptions.push(stored.id.clone());
        }
        if let Some(document) = stored.document.as_ref()
            && labels::may_have(document.bytes())
            && let Ok(node) = document.node()
        {
            self.labels.note(stored.kind, &Labels::of(&node));
        }
    }

    /// Notes a patient whose consents may have changed otherwise: one that was erased.
    pub fn note_patient(&mut self, key: i64) {
        self.patients.push(key);
    }

    /// Subscriptions that were stored, by id.
    pub fn subscriptions(&self) -> impl Iterator<Item = &str> {
        self.subscriptions.iter().map(String::as_str)
    }

    fn is_empty(&self) -> bool {
        self.patients.is_empty() && self.labels.is_empty()
    }
}

impl Consents {
    /// Of this store. Nothing is read yet.
    pub fn new(store: Store) -> Self {
        let known = Known { tenants: HashMap::new(), sights: LruCache::new(SIGHTS_MAX) };
        Self { store, known: Arc::new(Mutex::new(known)), refreshing: Arc::new(Mutex::new(())) }
    }

    /// What this caller may meet. Blocks while a tenant's consents are read for the first time.
    pub fn visible(&self, caller: &Caller, act: Act, now: i64) -> Result<Visible, StoreError> {
        let rules = self.tenant(caller.tenant)?;
        let clearance = Clearance::from_codes(caller.clearance.iter().map(String::as_str));
        let asker = asker(caller, act, now);
        let sight = self.sight(caller.tenant, &rules, &asker);
        let guard = rules.labels.guard(&self.store, &clearance, asker.purpose);
        Ok(Visible { sight, asker, clearance, guard, glass: AtomicBool::new(false) })
    }

    /// Puts what a committed change touched in force; before its answer leaves. Where that
    /// fails, all consents of the tenant are read again before the next answer.
    pub fn refresh(&self, tenant: Tenant, touched: &Touched) -> Result<(), StoreError> {
        if touched.is_empty() {
            return Ok(());
        }
        let _one = lock(&self.refreshing);
        let Some(rules) = lock(&self.known).tenants.get(&tenant).cloned() else { return Ok(()) };
        match load::patients(&self.store, tenant, &touched.patients) {
            Ok(found) => {
                let mut rules = TenantRules::clone(&rules);
                for key in &touched.patients {
                    rules.patients.remove(key);
                }
                rules.patients.extend(found);
                rules.labels.extend(&touched.labels);
                self.set(tenant, Some(rules));
                Ok(())
            }
            Err(error) => {
                self.set(tenant, None);
                Err(error)
            }
        }
    }

    fn set(&self, tenant: Tenant, rules: Option<TenantRules>) {
        let mut known = lock(&self.known);
        known.sights.clear();
        match rules {
            Some(rules) => known.tenants.insert(tenant, Arc::new(rules)),
            None => known.tenants.remove(&tenant),
        };
    }

    fn tenant(&self, tenant: Tenant) -> Result<Arc<TenantRules>, StoreError> {
        if let Some(rules) = lock(&self.known).tenants.get(&tenant) {
            return Ok(Arc::clone(rules));
        }
        let _one = lock(&self.refreshing);
        if let Some(rules) = lock(&self.known).tenants.get(&tenant) {
            return Ok(Arc::clone(rules));
        }
        let rules = Arc::new(load::tenant(&self.store, tenant)?);
        lock(&self.known).tenants.insert(tenant, Arc::clone(&rules));
        Ok(rules)
    }

    fn sight(&self, tenant: Tenant, rules: &TenantRules, asker: &Asker) -> Arc<Sight> {
        let of = SightOf {
            references: asker.references.clone(),
            role: asker.role.clone(),
            purpose: asker.purpose,
            discloses: asker.act == Act::Disclose,
        };
        let mut known = lock(&self.known);
        if let Some(sight) = known.sights.get(&(tenant, of.clone()))
            && asker.now < sight.until
        {
            return Arc::clone(sight);
        }
        let sight = Arc::new(Sight::of(rules, asker));
        known.sights.put((tenant, of), Arc::clone(&sight));
        sight
    }
}

impl Sight {
    fn of(rules: &TenantRules, asker: &Asker) -> Self {
        let mut sight = Self { hidden: Hidden::default(), partly: HashMap::new(), until: i64::MAX };
        for (key, rules) in &rules.patients {
            sight.until = sight.until.min(rules.changes_after(asker.now));
            match rules.overall(asker) {
                Overall::Everything => {}
                Overall::Nothing => sight.hidden.owners.push(*key),
                Overall::Partly => {
                    sight.hidden.partly.push(*key);
                    sight.partly.insert(*key, Arc::clone(rules));
                }
            }
        }
        sight.hidden.owners.sort_unstable();
        sight.hidden.partly.sort_unstable();
        sight
    }
}

/// What one request may meet.
pub struct Visible {
    sight: Arc<Sight>,
    asker: Asker,
    clearance: Clearance,
    guard: labels::Guard,
    glass: AtomicBool,
}

impl Visible {
    /// Patients that are hidden before anything is searched.
    pub fn hidden(&self) -> &Hidden {
        &self.sight.hidden
    }

    /// Whether some patient's resources are to be decided one by one: then matches are counted
    /// by opening them.
    pub fn is_partly(&self) -> bool {
        !self.sight.partly.is_empty()
    }

    /// The filter without resources whose labels are beyond the caller's clearance, on the way
    /// of chains as well. Every filter of a search or count goes through here.
    #[must_use]
    pub fn narrow(&self, kind: Kind, filter: Filter) -> Filter {
        if self.withholds_provenance(kind) {
            Filter::Nothing
        } else {
            self.guard.narrow(kind, filter)
        }
    }

    /// Whether [`Visible::admits`] must look into a resource; where not, any tree will do.
    pub fn looks_into(&self, stored: &Stored) -> bool {
        let is_partly = |owner: &i64| self.sight.partly.contains_key(owner);
        stored.owner.as_ref().is_some_and(is_partly)
            || stored.document.as_ref().is_none_or(|text| labels::may_have(text.bytes()))
    }

    /// Whether an opened resource may be shown. Every one goes through here.
    pub fn admits(&self, stored: &Stored, node: &Node<'_>) -> bool {
        let is_breaking = self.asker.purpose == Purpose::BreakTheGlass;
        if !self.clearance.is_full() && !Labels::of(node).within(&self.clearance) {
            if !is_breaking {
                return false;
            }
            self.glass.store(true, Ordering::Relaxed);
        }
        if self.withholds_provenance(stored.kind) {
            return false;
        }
        let Some(owner) = stored.owner else { return true };
        if self.sight.hidden.owners.binary_search(&owner).is_ok() {
            return false;
        }
        let Some(rules) = self.sight.partly.get(&owner) else { return true };
        // It names what it speaks of, and nobody opens that here.
        let is_hearsay = stored.kind == Kind::known("Provenance");
        if is_hearsay && self.asker.purpose != Purpose::BreakTheGlass {
            return false;
        }
        let about = About { kind: stored.kind, id: &stored.id, node };
        match rules.decide(&self.asker, &about) {
            Decision::Permit => true,
            Decision::Broken => {
                self.glass.store(true, Ordering::Relaxed);
                true
            }
            Decision::Deny => false,
        }
    }

    /// Whether resources are withheld by label that a provenance may name.
    fn withholds_provenance(&self, kind: Kind) -> bool {
        !self.guard.is_empty() && kind == Kind::known("Provenance")
    }

    /// Whether something was shown that consent or clearance would have hidden.
    pub fn breaks_glass(&self) -> bool {
        self.glass.load(Ordering::Relaxed)
    }
}

fn asker(caller: &Caller, act: Act, now: i64) -> Asker {
    Asker {
        references: caller.reference.iter().cloned().collect(),
        role: caller.role.as_str().to_owned(),
        purpose: caller.purpose,
        act,
        now,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is inside is replaced as a whole, so a panic elsewhere leaves nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
