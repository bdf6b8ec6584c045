//! What cargo says of the workspace: our crates, and every crate that a binary is made of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Deserialize;

use crate::shell::{cargo, output};

/// One package, ours or from a registry.
#[derive(Deserialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) manifest_path: PathBuf,
    pub(crate) source: Option<String>,
    pub(crate) license: Option<String>,
}

impl Package {
    /// The folder that holds its `Cargo.toml`.
    pub(crate) fn folder(&self) -> PathBuf {
        self.manifest_path.parent().map(PathBuf::from).unwrap_or_default()
    }

    /// Whether it is ours.
    pub(crate) fn is_ours(&self) -> bool {
        self.source.is_none()
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

/// Packages by id, and for each the ids that its shipped code is built on.
pub(crate) struct Workspace {
    packages: BTreeMap<String, Package>,
    normal: BTreeMap<String, Vec<String>>,
}

impl Workspace {
    /// Asks cargo, for this machine's target only.
    pub(crate) fn load() -> Result<Self, String> {
        let host = host()?;
        let text = output(
            cargo(),
            &["metadata", "--format-version=1", "--locked", "--filter-platform", &host],
        )?;
        let data: Metadata =
            serde_json::from_str(&text).map_err(|cause| format!("cargo metadata: {cause}"))?;
        let is_normal =
            |dependency: &Dependency| dependency.dep_kinds.iter().any(|kind| kind.kind.is_none());
        let edges = |node: Node| {
            let to = node.deps.into_iter().filter(is_normal).map(|dependency| dependency.pkg);
            (node.id, to.collect())
        };
        Ok(Self {
            packages: data
                .packages
                .into_iter()
                .map(|package| (package.id.clone(), package))
                .collect(),
            normal: data.resolve.nodes.into_iter().map(edges).collect(),
        })
    }

    /// Our own packages.
    pub(crate) fn ours(&self) -> impl Iterator<Item = &Package> {
        self.packages.values().filter(|package| package.is_ours())
    }

    /// What `package` names as a dependency of its shipped code.
    pub(crate) fn direct(&self, package: &Package) -> Vec<&Package> {
        let ids = self.normal.get(&package.id).into_iter().flatten();
        ids.filter_map(|id| self.packages.get(id)).collect()
    }

    /// `package` and everything that its shipped code is built on, sorted by name. Asked of
    /// `cargo tree`, because `cargo metadata` counts what only tests switch on as well.
    pub(crate) fn closure(&self, package: &Package) -> Result<Vec<&Package>, String> {
        let arguments = ["tree", "--locked", "--edges=normal", "--prefix=none", "--package"];
        let text = output(cargo(), &[&arguments[..], &[&package.name]].concat())?;
        let named: BTreeSet<_> = text.lines().filter_map(name_and_version).collect();
        let is_named = |one: &&Package| named.contains(&(one.name.as_str(), one.version.as_str()));
        let mut found: Vec<_> = self.packages.values().filter(is_named).collect();
        found.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
        Ok(found)
    }
}

/// `name vVERSION …`, as `cargo tree` prints it.
fn name_and_version(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.split_once(" v")?;
    Some((name, rest.split(' ').next()?))
}

fn host() -> Result<String, String> {
    let text = output("rustc", &["-vV"])?;
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .ok_or_else(|| "rustc does not name its host".to_owned())
}
