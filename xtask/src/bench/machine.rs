//! What a table must say of the machine and of what was measured on it.

use std::fs;

use super::things::Things;
use crate::shell::{output, root};

/// Packages whose versions stand beside the figures.
const PACKAGES: [&str; 5] = ["flask", "gunicorn", "mlserver", "nvidia-pytriton", "onnxruntime"];
const UNKNOWN: &str = "unknown";

/// Machine, systems, versions.
pub(crate) fn describe(things: &Things) -> String {
    let lines = [
        format!("- {} cores of {}", cores(), processor()),
        format!(
            "- kernel {}, {}",
            text("/proc/sys/kernel/osrelease"),
            said("rustc", &["--version"])
        ),
        format!("- {}", peers(things)),
        format!("- {}", model(things)),
    ];
    lines.join("\n")
}

/// Time, load and commit of this moment.
pub(crate) fn now() -> String {
    let when = said("date", &["--utc", "+%Y-%m-%d %H:%M UTC"]);
    let load = text("/proc/loadavg");
    let load: Vec<&str> = load.split(' ').take(3).collect();
    let commit = said("git", &["rev-parse", "--short", "HEAD"]);
    format!("{when}, load average at start {}, commit {commit}", load.join(" "))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(0, Into::into)
}

fn processor() -> String {
    let all = text("/proc/cpuinfo");
    let field = |name: &str| {
        let line = all.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let name = field("model name").unwrap_or_else(|| UNKNOWN.to_owned());
    let mhz = field("cpu MHz").unwrap_or_default();
    let number = field("model\t").unwrap_or_default();
    let family = field("cpu family").unwrap_or_default();
    let vector =
        ["avx512f", "avx2"].into_iter().find(|flag| all.contains(flag)).unwrap_or("no AVX");
    format!("{name} (family {family}, model {number}, {mhz} MHz, {vector})")
}

fn peers(things: &Things) -> String {
    let Some(python) = things.python() else { return "no Python peers".to_owned() };
    let python = python.to_string_lossy();
    let version = said(&python, &["--version"]);
    let code = "import importlib.metadata as m, sys\n\
                print(', '.join(f'{p} {m.version(p)}' for p in sys.argv[1:]))";
    let packages = said(&python, &[&["-c", code], &PACKAGES[..]].concat());
    format!("{version}: {packages}")
}

fn model(things: &Things) -> &'static str {
    if things.is_published_unet() {
        "the U-Net is the published architecture (7,763,041 parameters, 24 GFLOP an image) with random weights"
    } else {
        "the \"U-Net\" is the committed model (1.6 GMAC an image): PyTorch was not there to write the published one"
    }
}

fn said(program: &str, arguments: &[&str]) -> String {
    output(program, arguments).map_or_else(|_| UNKNOWN.to_owned(), |text| text.trim().to_owned())
}

fn text(path: &str) -> String {
    let path = root().join(path);
    fs::read_to_string(path).map_or_else(|_| UNKNOWN.to_owned(), |text| text.trim().to_owned())
}
