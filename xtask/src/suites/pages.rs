//! The suites of `outside/portals/hospital`: types and a build that gives the committed bytes,
//! and the page in a real browser against real processes. They belong to the page.
//! The demo needs neither of them: what it serves is committed.

use super::{Ran, debian, emptied, portals, skipped};
use crate::demo;
use crate::shell::{Outcome, has, root, run};

/// The package.
const HOME: &str = "outside/portals/hospital";
/// Ports that no other suite and no demo of somebody who works here takes.
const PORTS: &str = "27450";

/// Types, and the committed page built again, byte for byte.
pub(super) fn pages() -> Result<Ran, String> {
    if let Err(why) = portals::ready() {
        return skipped(&why);
    }
    run("node", &["outside/portals/node_modules/typescript/bin/tsc", "--project", HOME])?;
    let built = emptied("target/page-dist")?;
    let vite = "outside/portals/node_modules/vite/bin/vite.js";
    run("node", &[vite, "build", HOME, "--outDir", &built, "--emptyOutDir", "--logLevel", "warn"])?;
    portals::same(&root().join(HOME).join("dist"), built.as_ref())?;
    Ok(Ran::Passed)
}

/// A clerk's day by keyboard alone, and a line that is not what it should be.
pub(super) fn browser() -> Result<Ran, String> {
    if let Err(why) = portals::ready() {
        return skipped(&why);
    }
    if !has("chromium", "--version") && !debian("chromium") {
        return skipped("chromium is not installed and could not be (apt-get install chromium)");
    }
    demo::build_for_suites()?;
    walk(&emptied("target/browser")?)?;
    Ok(Ran::Passed)
}

fn walk(folder: &str) -> Outcome {
    let folder = format!("FOLDER={folder}");
    let ports = format!("PORT_BASE={PORTS}");
    let tests = format!("{HOME}/tests/walk.test.mjs");
    run("env", &[&folder, &ports, "node", "--test", "--test-reporter=spec", &tests])
}
