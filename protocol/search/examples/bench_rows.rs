//! How long it takes to make the rows of resources, one per line of NDJSON files:
//! `cargo run --release --example bench_rows -- FILE...`

#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use autoclave_base::Secret;
use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;
use autoclave_search::{Blind, Parameter, rows};

/// Rounds over all lines; the best of each line counts.
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let blind = Blind::new(&Secret::new([7; 32]));
    let start = Instant::now();
    for at in 0..100_000_u32 {
        black_box(blind.term(Parameter(at), "85354-9"));
    }
    println!("a term: {:?}", start.elapsed() / 100_000);
    let mut kinds: BTreeMap<&str, (u32, u32, Duration)> = BTreeMap::new();
    for path in std::env::args().skip(1) {
        for line in std::fs::read_to_string(path)?.lines() {
            let node = Node::parse(line.as_bytes())?;
            let kind: Kind = node.text_of("resourceType").unwrap_or_default().parse()?;
            let mut best = Duration::MAX;
            let mut count = 0;
            for _ in 0..ROUNDS {
                let start = Instant::now();
                count = black_box(rows(kind, &node, &blind)).len();
                best = best.min(start.elapsed());
            }
            let entry = kinds.entry(kind.name()).or_default();
            *entry = (entry.0 + 1, entry.1 + u32::try_from(count)?, entry.2 + best);
        }
    }
    for (kind, (count, rows, time)) in kinds {
        let rows = f64::from(rows) / f64::from(count);
        println!("{kind:24} {count:6}  {rows:6.1} rows  {:?}", time / count);
    }
    Ok(())
}
