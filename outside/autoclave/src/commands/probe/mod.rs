//! `probe`: the published attacks against a deployment of one's own.
//! It belongs to whoever runs a deployment, and to whoever does not believe them.
//! It changes nothing that the deployment keeps, and succeeds only if all was refused.

mod attacks;
mod forge;
mod site;

use std::time::Duration;

use futures::future::BoxFuture;
use serde::Serialize;
use serde_json::json;
use tokio::time::sleep;

use crate::cli::watch::Probe;
use crate::failure::{Failure, Outcome};
use crate::terminal;
use site::{Reply, Site, Tried};

/// Pause after "too many requests", and how often.
const RATE_PAUSE: Duration = Duration::from_secs(1);
const RATE_PAUSES_MAX: u32 = 20;
/// A server that broke has not refused.
const BROKEN: u16 = 500;
/// Too many requests: no answer to the attack.
const TOO_MANY: u16 = 429;

/// One attack: independent of all others.
#[derive(Clone, Copy)]
struct Attack {
    /// Its name: area and what is wrong.
    name: &'static str,
    /// What it tries.
    tries: &'static str,
    /// Codes, or their beginnings, that refuse it. Empty where any refusal will do.
    refused_by: &'static [&'static str],
    /// Does it.
    run: for<'a> fn(&'a Site) -> BoxFuture<'a, Tried>,
}

/// How an attack ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Ending {
    /// Refused, by a code that is expected.
    Refused,
    /// Refused, by another code than expected.
    RefusedOtherwise,
    /// It got through.
    Through,
    /// The server failed instead of refusing.
    Broke,
    /// Could not be tried here.
    Untried,
}

#[derive(Debug, Serialize)]
struct Finding {
    attack: &'static str,
    tries: &'static str,
    ending: Ending,
    status: Option<u16>,
    /// The code, or why it could not be tried.
    said: String,
}

/// Runs the command.
pub async fn run(command: Probe) -> Outcome {
    let wanted = |attack: &&Attack| {
        command.only.is_empty() || command.only.iter().any(|only| attack.name.starts_with(only))
    };
    let attacks = attacks::all();
    let attacks: Vec<&Attack> = attacks.iter().filter(wanted).collect();
    if attacks.is_empty() {
        return Err(Failure::new("probe.no_attack", "no attack has such a name"));
    }
    if command.list {
        for attack in &attacks {
            terminal::out(format_args!("{:<32} {}", attack.name, attack.tries));
        }
        return Ok(());
    }
    let mut findings = Vec::new();
    for site in Site::all(&command).await? {
        terminal::note(format_args!("probing {}", site.address()));
        for attack in &attacks {
            let finding = attempt(attack, &site).await;
            if !command.json {
                show(&finding);
            }
            findings.push(finding);
        }
    }
    verdict(&findings, command.json)
}

async fn attempt(attack: &Attack, site: &Site) -> Finding {
    let mut tried = (attack.run)(site).await;
    for _ in 0..RATE_PAUSES_MAX {
        if !matches!(&tried, Ok(reply) if reply.status == TOO_MANY) {
            break;
        }
        sleep(RATE_PAUSE).await;
        tried = (attack.run)(site).await;
    }
    let (ending, status, said) = match tried {
        Ok(reply) => (judge(attack, &reply), Some(reply.status), reply.code),
        Err(why) => (Ending::Untried, None, why),
    };
    Finding { attack: attack.name, tries: attack.tries, ending, status, said }
}

fn judge(attack: &Attack, reply: &Reply) -> Ending {
    let named = |prefix: &str| reply.code.starts_with(prefix);
    let expected = attack.refused_by.is_empty() || attack.refused_by.iter().any(|it| named(it));
    if reply.through {
        Ending::Through
    } else if expected {
        Ending::Refused
    } else if reply.status >= BROKEN {
        Ending::Broke
    } else {
        Ending::RefusedOtherwise
    }
}

fn show(finding: &Finding) {
    let mark = match finding.ending {
        Ending::Refused => "✓ refused",
        Ending::RefusedOtherwise => "✓ refused otherwise",
        Ending::Through => "✗ GOT THROUGH",
        Ending::Broke => "✗ BROKE",
        Ending::Untried => "– not tried",
    };
    let status = finding.status.map_or_else(String::new, |status| format!("{status} "));
    terminal::out(format_args!("{mark:<20} {:<32} {status}{}", finding.attack, finding.said));
}

/// Fails if anything got through or broke; says how much could not be tried.
fn verdict(findings: &[Finding], as_json: bool) -> Outcome {
    let count = |endings: &[Ending]| {
        findings.iter().filter(|finding| endings.contains(&finding.ending)).count()
    };
    let refused = count(&[Ending::Refused, Ending::RefusedOtherwise]);
    let (through, broke) = (count(&[Ending::Through]), count(&[Ending::Broke]));
    let untried = count(&[Ending::Untried]);
    if as_json {
        terminal::out(json!({
            "findings": findings, "refused": refused, "through": through, "broke": broke,
            "untried": untried,
        }));
    } else {
        terminal::out(format_args!(
            "{refused} refused, {through} got through, {broke} broke, {untried} not tried"
        ));
    }
    if through + broke == 0 {
        return Ok(());
    }
    let message = format!("{through} attacks got through, {broke} broke the server");
    Err(Failure::new("probe.got_through", message))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn attack(refused_by: &'static [&'static str]) -> Attack {
        Attack {
            name: "x.y",
            tries: "",
            refused_by,
            run: |_| Box::pin(async { Err(String::new()) }),
        }
    }

    fn reply(status: u16, code: &str) -> Reply {
        Reply { status, code: code.to_owned(), through: (200..300).contains(&status) }
    }

    #[test]
    fn what_was_not_refused_got_through_or_broke() {
        let attack = attack(&["token."]);
        assert_eq!(judge(&attack, &reply(200, "")), Ending::Through);
        assert_eq!(judge(&attack, &reply(403, "token.expired")), Ending::Refused);
        assert_eq!(judge(&attack, &reply(404, "other")), Ending::RefusedOtherwise);
        assert_eq!(judge(&attack, &reply(500, "internal")), Ending::Broke);
        assert_eq!(judge(&attack, &reply(500, "token.broken")), Ending::Refused);
    }

    #[test]
    fn one_attack_that_gets_through_fails_the_probe() {
        let finding = |ending| Finding {
            attack: "x.y",
            tries: "",
            ending,
            status: None,
            said: String::new(),
        };
        assert!(verdict(&[finding(Ending::Refused), finding(Ending::Untried)], true).is_ok());
        for bad in [Ending::Through, Ending::Broke] {
            let failure = verdict(&[finding(Ending::Refused), finding(bad)], true).unwrap_err();
            assert_eq!(failure.code(), "probe.got_through");
        }
    }

    #[test]
    fn attacks_have_names_of_their_own_and_say_what_they_try() {
        let all = attacks::all();
        let names: BTreeSet<_> = all.iter().map(|attack| attack.name).collect();
        assert_eq!(names.len(), all.len());
        assert!(all.iter().all(|attack| attack.name.contains('.') && !attack.tries.is_empty()));
    }

    #[test]
    fn the_published_list_is_the_programs() {
        let page = include_str!("../../../../../docs/probe.md");
        for attack in attacks::all() {
            let row = format!("| `{}` | {} |", attack.name, attack.tries);
            assert!(page.contains(&row), "docs/probe.md lacks {row}");
        }
        let rows = page.lines().filter(|line| line.starts_with("| `")).count();
        assert_eq!(rows, attacks::all().len());
    }
}
