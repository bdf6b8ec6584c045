//! The suite of `outside/portals/sealer`: types, a build that gives the committed bytes, unit
//! tests, and the shipped package against real processes. It belongs to the sealer.

use super::{Ran, emptied, portals, skipped};
use crate::demo;
use crate::shell::{root, run};

/// The package.
const HOME: &str = "outside/portals/sealer";
/// Ports that no other suite and no demo of somebody who works here takes.
const PORTS: &str = "27600";

pub(super) fn sealer() -> Result<Ran, String> {
    if let Err(why) = portals::ready() {
        return skipped(&why);
    }
    run("node", &["outside/portals/node_modules/typescript/bin/tsc", "--project", HOME])?;
    let built = emptied("target/sealer-dist")?;
    run("node", &[&format!("{HOME}/build.mjs"), &built])?;
    portals::same(&root().join(HOME).join("dist"), built.as_ref())?;
    let tests = format!("{HOME}/test.mjs");
    run("node", &[&tests, "unit"])?;
    demo::build_for_suites()?;
    let folder = emptied("target/sealer-demo")?;
    let binaries = root().join("target/debug").to_string_lossy().into_owned();
    run("node", &[&tests, "demo", &folder, &binaries, PORTS])?;
    Ok(Ran::Passed)
}
