//! `demo`: all parties on this machine, for a newcomer to use and for a check to pass.
//! It belongs to whoever tries the project.
//! What it says of accounts is for a demo; it stores nothing outside its folder.

mod check;

use std::path::{Path, PathBuf};

use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Demo;
use crate::deploy::ports::{PORT_BASE, Ports};
use crate::deploy::{Deployment, Options, Running, beside_this_executable};
use crate::failure::{Failure, Outcome};
use crate::terminal::{note, out};

/// Runs the command.
pub async fn run(command: Demo) -> Outcome {
    if command.check {
        let stopped = || Err(Failure::new("demo.stopped", "stopped before the check was done"));
        return unless_told_to_stop(check::run(command)).await?.unwrap_or_else(stopped);
    }
    let ports = Ports::from_base(command.port_base.unwrap_or(PORT_BASE))?;
    let running = start(&command, &command.dir, ports);
    let Some(running) = unless_told_to_stop(running).await? else {
        note("Stopped before all parties were ready; nothing is left running.");
        return Ok(());
    };
    let mut running = running?;
    greet(&running, &command);
    let outcome = running.until(told_to_stop()?).await;
    note("Stopping all parties …");
    let stopped = running.stop().await;
    outcome.and(stopped)
}

/// Prepares and starts a deployment.
async fn start(command: &Demo, dir: &Path, ports: Ports) -> Outcome<Running> {
    let options = Options {
        dir: dir.to_owned(),
        binaries: beside_this_executable()?,
        model: command.model.clone(),
        ports,
        cache: command.cache,
    };
    note(format_args!("Autoclave in {}", dir.display()));
    Deployment::prepare_on(command.tee, &options)?.start().await
}

/// The outcome of `work`, or nothing if a signal came first; then `work` is dropped, and the
/// processes that it started end with it.
async fn unless_told_to_stop<T>(work: impl Future<Output = T>) -> Outcome<Option<T>> {
    let stop = told_to_stop()?;
    Ok(tokio::select! {
        done = work => Some(done),
        () = stop => None,
    })
}

fn told_to_stop() -> Outcome<impl Future<Output = ()>> {
    let listen = |kind| signal(kind).map_err(|error| Failure::new("demo.signals", error));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
            _ = hangup.recv() => (),
        }
    })
}

fn greet(running: &Running, command: &Demo) {
    let (program, client) = (program(), option("client", &command.dir.join("client")));
    out("");
    out(format_args!("Autoclave runs at {}", running.address()));
    out(
        "Development evidence: nothing here is confidential, and nothing here is for clinical use.",
    );
    out("");
    out("Open that address in a browser and sign in as one of the made-up staff:");
    for account in running.accounts() {
        let (user, password) = (&account.user, &account.password);
        out(format_args!("  {user:<10} password {password}   {}", may(&account.role)));
    }
    out("It asks for a one-time code as well. In another terminal, in this folder:");
    for account in running.accounts() {
        out(format_args!("  {program} code {}{client}", account.user));
    }
    out("or set up an authenticator app once:");
    for account in running.accounts() {
        out(format_args!("  {}", account.otpauth_uri()));
    }
    out("");
    let image = sample(&command.phantoms).unwrap_or_else(|| "IMAGE.png".into());
    out(format_args!("A sample image to send: {}", image.display()));
    out("The same from the terminal, which signs in as the clerk by itself:");
    out(format_args!("  {program} diagnose {} --out out{client}", image.display()));
    out(format_args!("  {program} token show clinic{client}"));
    out(format_args!("  {program} doctor{}", option("dir", &command.dir)));
    out(format_args!("The records as a FHIR R4 server: {}", running.fhir()));
    out(format_args!(
        "  {program} fhir token{client}      # good for five minutes; then, for any client:"
    ));
    out(format_args!(
        "  curl -k -H \"Authorization: Bearer $({program} fhir token{client})\" {}/Patient",
        running.fhir()
    ));
    out(format_args!(
        "  {program} fhir proxy{client}      # plain HTTP on loopback, without a token"
    ));
    out("Four people approve policies here; change one, and ask why somebody was refused:");
    out(format_args!("  {program} policy list{client}"));
    out(format_args!("  {program} policy --help"));
    out("");
    out("Ctrl-C stops everything; the next start finds the patients still there.");
}

/// What an account is there for.
fn may(role: &str) -> &'static str {
    match role {
        "clerk" => "admits patients and asks for diagnoses",
        "clinician" => "asks for diagnoses and reads records",
        _ => "",
    }
}

/// What has to be typed to run this program again.
fn program() -> String {
    let typed = PathBuf::from(std::env::args_os().next().unwrap_or_else(|| "autoclave".into()));
    let executable = std::env::current_exe().unwrap_or_else(|_| typed.clone());
    let here = std::env::current_dir().unwrap_or_default();
    from_here(&typed, &executable, &here).display().to_string()
}

/// The name alone if that was typed, since the shell found it; else the path from here.
fn from_here(typed: &Path, executable: &Path, here: &Path) -> PathBuf {
    if typed.components().count() == 1 {
        return typed.to_owned();
    }
    match executable.strip_prefix(here) {
        Ok(below) if below.components().count() == 1 => Path::new(".").join(below),
        Ok(below) => below.to_owned(),
        Err(_) => executable.to_owned(),
    }
}

/// What has to be typed besides when the folder is not the usual one.
fn option(name: &str, folder: &Path) -> String {
    if folder.starts_with(".autoclave") {
        return String::new();
    }
    format!(" --{name} {}", folder.display())
}

/// The first image in a folder of phantoms.
fn sample(phantoms: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(phantoms).ok()?;
    let mut images: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "png"))
        .filter(|path| !is_companion(path))
        .collect();
    images.sort();
    images.into_iter().next()
}

/// A picture beside an image: a mask that was written, or a phantom's truth.
fn is_companion(path: &Path) -> bool {
    let name = path.to_string_lossy();
    name.ends_with("_mask.png") || name.ends_with("_truth.png")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_image_is_the_sample_and_masks_are_none() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.png", "a_mask.png", "b_truth.png", "c.txt"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        assert_eq!(sample(folder.path()).unwrap().file_name().unwrap(), "b.png");
        assert!(sample(&folder.path().join("none")).is_none());
    }

    #[test]
    fn another_folder_has_to_be_named() {
        assert_eq!(option("client", Path::new(".autoclave/client")), "");
        assert_eq!(option("client", Path::new("/d/client")), " --client /d/client");
        assert_eq!(option("dir", Path::new("d")), " --dir d");
    }

    #[test]
    fn the_program_is_named_so_that_a_shell_here_finds_it() {
        let said = |typed: &str, executable: &str| {
            let here = from_here(Path::new(typed), Path::new(executable), Path::new("/w"));
            here.display().to_string()
        };
        assert_eq!(said("autoclave", "/bin/autoclave"), "autoclave");
        assert_eq!(said("/w/t/autoclave", "/w/t/autoclave"), "t/autoclave");
        assert_eq!(said("t/../t/autoclave", "/w/t/autoclave"), "t/autoclave");
        assert_eq!(said("./autoclave", "/w/autoclave"), "./autoclave");
        assert_eq!(said("../v/autoclave", "/v/autoclave"), "/v/autoclave");
    }
}
