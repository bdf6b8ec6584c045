//! `wycheproof FOLDER`: Wycheproof's vectors (`testvectors_v1`) through our own entry points.
//! A file that is not in the folder is named and skipped; a vector that comes out otherwise
//! than its authors say ends the run with 1. Nothing here checks a signature of its own.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use autoclave_fuzz::wycheproof::{FILES, Tally, check};

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn main() -> ExitCode {
    let Some(folder) = std::env::args().nth(1) else {
        say("usage: wycheproof FOLDER");
        return ExitCode::from(2);
    };
    let (mut wrong, mut ran) = (0, 0);
    for file in FILES {
        let path = Path::new(&folder).join(file.name);
        let Ok(text) = std::fs::read(&path) else {
            say(&format!("{:44} SKIPPED: not in the folder", file.name));
            continue;
        };
        let Tally { right, apart, wrong: missed } = check(file, &text);
        say(&format!("{:44} {right:>4} as they should, {apart} that we do not speak", file.name));
        for line in &missed {
            say(&format!("  WRONG: {line}"));
        }
        wrong += missed.len();
        ran += right;
    }
    if wrong == 0 && ran > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
