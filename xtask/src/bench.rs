//! `cargo xtask bench [NAME...]`: builds with optimisation, fetches what is compared with,
//! runs, and writes the tables into `BENCHMARKS.md`. Everything that is compared runs in
//! turn in the same run; none of it is a test, and no test looks at a clock.

mod machine;
mod page;
mod records;
mod services;
mod things;

use crate::shell::{self, Outcome, cargo, root, say};
use things::Things;

/// Name, what it measures, and what drives it.
const BENCHES: [(&str, &str); 3] = [
    ("seal", "A sealed and attested request beside the same engine in process"),
    ("infer", "The engines beside Python's ONNX Runtime"),
    ("servers", "Our server beside others"),
];

/// Has the benchmark of the records build what it compares with.
const BUILD_PEER: &str = "--build-peer";

/// All that is built, once and together, so that one benchmark never builds for another.
const BUILD: [&str; 13] = [
    "build",
    "--release",
    "--locked",
    "--package=autoclave-attestor",
    "--package=autoclave-broker",
    "--package=autoclave-diagnosis",
    "--package=autoclave-edge",
    "--package=autoclave-seal",
    "--package=autoclave",
    "--bins",
    "--example=bench",
    "--example=bench_engine",
    "--example=bench_seal",
];

/// All benchmarks, or those named.
pub(crate) fn run(names: &[String]) -> Outcome {
    let with_peer = names.iter().any(|name| name == BUILD_PEER);
    let names: Vec<&String> = names.iter().filter(|name| *name != BUILD_PEER).collect();
    let known = BENCHES.iter().chain(&services::SERVICES).map(|(name, _)| *name);
    let all: Vec<&str> = known.chain([records::NAME]).collect();
    if let Some(name) = names.iter().find(|name| !all.contains(&name.as_str())) {
        return Err(format!("no benchmark {name:?}; there are: {}", all.join(", ")));
    }
    let wanted = |name: &&str| names.is_empty() || names.iter().any(|it| *it == name);
    let wanted: Vec<&str> = all.into_iter().filter(wanted).collect();
    services::run(&wanted)?;
    if wanted.contains(&records::NAME) {
        records::run(with_peer)?;
    }
    if !BENCHES.iter().any(|(name, _)| wanted.contains(name)) {
        return Ok(());
    }
    shell::run(cargo(), &BUILD)?;
    let things = Things::gather()?;
    page::write("machine", &machine::describe(&things))?;
    for (name, what) in BENCHES {
        if wanted.contains(&name) {
            say(&format!("\n== {name}: {what}"));
            let text = measured(name, &things)?;
            page::write(name, &text)?;
        }
    }
    say("\nwritten to BENCHMARKS.md");
    Ok(())
}

/// Runs one and shows what it says.
fn measured(name: &str, things: &Things) -> Result<String, String> {
    let when = machine::now();
    let arguments = things.arguments(name);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut text = shell::output(&program("bench"), &arguments)?;
    if name == "seal" {
        text.push_str("\nSealing alone, client and enclave together on one thread, beside the bare cipher:\n\n```\n");
        text.push_str(&shell::output(&program("bench_seal"), &[])?);
        text.push_str("```\n");
    }
    let text = format!("_{when}_\n\n{}", text.trim_end());
    say(&text);
    Ok(text)
}

fn program(name: &str) -> String {
    root().join("target/release/examples").join(name).to_string_lossy().into_owned()
}
