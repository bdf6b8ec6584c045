//! Engines alone in their processes, driven by lines: ours (`bench_engine`) and Python's.
//! They are the yardstick: nothing between the caller and the model.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::process::{cpu_ms, peak_mb};
use crate::{Any, Setup};

/// A process that runs a model when it is told to.
pub(crate) struct Engine {
    pub(crate) name: String,
    /// What it says of itself.
    pub(crate) label: String,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// What some runs took.
#[derive(Default)]
pub(crate) struct Runs {
    pub(crate) times: Vec<f64>,
    pub(crate) cpu_ms: f64,
}

impl Engine {
    /// Ours.
    pub(crate) fn ours(setup: &Setup, kind: &str, threads: u8, model: &Path) -> Any<Self> {
        let mut command = Command::new(setup.binaries.join("examples/bench_engine"));
        command.args([kind, &threads.to_string()]).arg(model).arg(&setup.image);
        if kind == "ort" {
            command.arg(setup.library.as_ref().ok_or("no library")?);
        }
        Self::start(&mut command, kind)
    }

    /// Python's ONNX Runtime.
    pub(crate) fn python(setup: &Setup, python: &Path, threads: u8, model: &Path) -> Any<Self> {
        let mut command = Command::new(python);
        command.arg(setup.peers.join("engine.py")).arg(threads.to_string()).arg(model);
        Self::start(&mut command, "Python onnxruntime")
    }

    fn start(command: &mut Command, name: &str) -> Any<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{command:?}: {error}"))?;
        let input = child.stdin.take().ok_or("no stdin")?;
        let mut output = BufReader::new(child.stdout.take().ok_or("no stdout")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let label =
            line.trim().strip_prefix("ready ").ok_or("the engine does not start")?.to_owned();
        Ok(Self { name: name.to_owned(), label, child, input, output })
    }

    /// Runs `what` (`tensor` or `image`) `count` times.
    pub(crate) fn run(&mut self, what: &str, count: u32) -> Any<Runs> {
        let before = cpu_ms(self.child.id());
        writeln!(self.input, "{what} {count}")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let times = line.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
        if times.is_empty() {
            return Err(format!("{} gave no times", self.name).into());
        }
        Ok(Runs { times, cpu_ms: cpu_ms(self.child.id()) - before })
    }

    /// Largest resident memory so far.
    pub(crate) fn peak_mb(&self) -> f64 {
        peak_mb(self.child.id())
    }
}

impl Runs {
    pub(crate) fn add(&mut self, other: Self) {
        self.times.extend(other.times);
        self.cpu_ms += other.cpu_ms;
    }

    #[expect(clippy::cast_precision_loss, reason = "a handful of runs")]
    pub(crate) fn cpu_ms_each(&self) -> f64 {
        self.cpu_ms / self.times.len() as f64
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
