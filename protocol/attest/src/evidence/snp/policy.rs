//! What a relying party asks of SEV-SNP beyond AMD's word: which processors, how recent, how
//! alone. A configuration's, measured with it. Debugging and migration are not matters of
//! policy: nobody can allow them.

use std::collections::{BTreeMap, BTreeSet};

use autoclave_base::Digest;
use serde::{Deserialize, Serialize};

use super::{Product, Report, SnpRefusal, TcbParts};

/// The least privileged level that is accepted without a word about it: a guest of a cloud
/// provider may run at 1 above a service module at 0.
const VMPL_MAX_DEFAULT: u32 = 1;

/// What a relying party asks for. Everything has a default: all processors that are known,
/// no minimum, neighbours on the same core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SnpPolicy {
    /// The processors that are accepted.
    pub products: BTreeSet<Product>,
    /// The oldest platform that is accepted, by processor.
    pub minimum_tcb: BTreeMap<Product, TcbParts>,
    /// The least privileged level that may ask for a report: 0 to 3.
    pub vmpl_max: u32,
    /// Whether a guest that may share its core is refused.
    pub forbid_smt: bool,
    /// Whether the platform must have checked its memory for aliases (from version 3 on).
    pub require_alias_check: bool,
    /// Whether AMD's list of revoked certificates must be there, and in force.
    pub crl_required: bool,
    /// Digests (of the DER) of certificates that are not accepted any more, of authorities
    /// or of signing keys.
    pub revoked: BTreeSet<Digest>,
}

impl Default for SnpPolicy {
    fn default() -> Self {
        Self {
            products: Product::ALL.into(),
            minimum_tcb: BTreeMap::new(),
            vmpl_max: VMPL_MAX_DEFAULT,
            forbid_smt: false,
            require_alias_check: false,
            crl_required: false,
            revoked: BTreeSet::new(),
        }
    }
}

impl SnpPolicy {
    /// That a report whose signature is verified is one that is asked for.
    pub(super) fn accepts(
        &self,
        report: &Report,
        product: Product,
        tcb: TcbParts,
    ) -> Result<(), SnpRefusal> {
        let minimum = self.minimum_tcb.get(&product);
        let checks = [
            (self.products.contains(&product), SnpRefusal::Product),
            (!report.allows_debug(), SnpRefusal::Debug),
            (!report.allows_migration(), SnpRefusal::Migration),
            (report.vmpl() <= self.vmpl_max, SnpRefusal::Vmpl),
            (!(self.forbid_smt && report.allows_smt()), SnpRefusal::Smt),
            (minimum.is_none_or(|minimum| tcb.is_at_least(minimum)), SnpRefusal::TcbMinimum),
            (!self.require_alias_check || report.checked_aliases(), SnpRefusal::AliasCheck),
        ];
        checks.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, refusal)| Err(refusal))
    }
}
