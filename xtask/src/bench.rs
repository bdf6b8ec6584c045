//! `cargo xtask bench`: builds the benchmarks with optimisation and runs them. Each one
//! measures peer and ours in turn in the same run and prints ratios; none of them is a
//! test, and no test looks at a clock.

use crate::shell::{self, Outcome, cargo};

/// Name, package and example that measures.
const BENCHES: [(&str, &str, &str); 2] =
    [("seal", "autoclave-seal", "bench_seal"), ("infer", "autoclave-diagnosis", "bench_infer")];

/// All benchmarks, or those named.
pub(crate) fn run(names: &[String]) -> Outcome {
    let unknown = names.iter().find(|name| !BENCHES.iter().any(|(bench, ..)| bench == name));
    if let Some(name) = unknown {
        return Err(format!("no benchmark {name:?}; there are: seal, infer"));
    }
    for (bench, package, example) in BENCHES {
        if names.is_empty() || names.iter().any(|name| name == bench) {
            shell::run(
                cargo(),
                &["run", "--release", "--locked", "--package", package, "--example", example],
            )?;
        }
    }
    Ok(())
}
