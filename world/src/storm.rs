//! One run: parties, people, weather and an attacker, and then the calm in which all must
//! succeed and everything is checked.

use std::sync::Arc;
use std::time::Duration;

use autoclave_client::{Image, SavedSession};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use crate::deployment::Deployment;
use crate::desk::{Case, Desk};
use crate::keeper;
use crate::net::View;
use crate::party::{Party, Who};
use crate::shared::{Mischief, Notice, Notices, Shared};
use crate::story::Story;
use crate::{checks, eye};

/// Desks at which people work.
const DESKS: u8 = 2;
/// Patients of one desk in a storm, at most.
const CASES_MAX: u64 = 3;
/// The attacker waits so long for an answer.
const ATTACKER_PATIENCE: Duration = Duration::from_secs(5);

/// What a run needs beside the shared things.
pub(crate) struct Cast {
    /// Keys and configurations.
    pub(crate) deployment: Arc<Deployment>,
    /// The scan that everybody has.
    pub(crate) image: Image,
    /// Sessions of the staff.
    pub(crate) sessions: Vec<SavedSession>,
}

/// Lets it storm, and checks.
pub(crate) async fn run(shared: &Arc<Shared>, notices: Notices, cast: &Cast) {
    let story = Arc::new(Story::default());
    let keepers = start(shared, &cast.deployment, notices);
    let ticking = tokio::spawn(tick(Arc::clone(shared)));
    shared.set_storm(true);
    let end = Instant::now() + length(shared);
    let mut around = JoinSet::new();
    around.spawn(weather(Arc::clone(shared), Arc::clone(&cast.deployment)));
    around.spawn(attack(Arc::clone(shared)));
    around.spawn(watch(desk(shared, cast, &story, DESKS)));
    let mut desks = JoinSet::new();
    for number in 0..DESKS {
        desks.spawn(work(desk(shared, cast, &story, number), cast.image.clone(), end));
    }
    tokio::time::sleep_until(end).await;
    around.shutdown().await;
    clear_up(shared);
    story.storm_ended();
    while desks.join_next().await.is_some() {}
    let mut last = desk(shared, cast, &story, DESKS + 1);
    afterwards(&mut last, &cast.image).await;
    stop(shared, keepers).await;
    ticking.abort();
    checks::ledgers(shared, &story);
    checks::disks(shared);
}

/// Starts a keeper for each party.
pub(crate) fn start(
    shared: &Arc<Shared>,
    deployment: &Arc<Deployment>,
    notices: Notices,
) -> Vec<JoinHandle<()>> {
    let keepers = Party::ALL.into_iter().zip(notices).map(|(party, notices)| {
        let (shared, deployment) = (Arc::clone(shared), Arc::clone(deployment));
        tokio::spawn(keeper::keep(shared, deployment, party, notices))
    });
    keepers.collect()
}

/// Drains every party, the edge first.
pub(crate) async fn stop(shared: &Shared, keepers: Vec<JoinHandle<()>>) {
    for party in Party::ALL {
        shared.tell(party, Notice::Drain);
    }
    for keeper in keepers {
        let ended = keeper.await;
        shared.trace.holds(ended.is_ok(), || format!("a keeper panicked: {ended:?}"));
    }
}

/// All clocks go on, each as wrong as it is.
pub(crate) async fn tick(shared: Arc<Shared>) {
    loop {
        sleep(Duration::from_secs(1)).await;
        shared.true_clock.advance(1);
        for clock in &shared.clocks {
            clock.advance(1);
        }
    }
}

/// Two to ten minutes mostly; sometimes long enough for tokens and keys to change often.
fn length(shared: &Shared) -> Duration {
    let long = shared.dice.happens("long", 0, 120);
    let most = if long { 3600 } else { 480 };
    Duration::from_secs(120 + shared.dice.below("length", 0, most))
}

/// The weather clears: clocks are right, disks have room, everybody is reached.
fn clear_up(shared: &Shared) {
    for clock in &shared.clocks {
        clock.set(shared.true_clock.now());
    }
    shared.set_storm(false);
}

fn desk(shared: &Arc<Shared>, cast: &Cast, story: &Arc<Story>, number: u8) -> Desk {
    Desk {
        shared: Arc::clone(shared),
        deployment: Arc::clone(&cast.deployment),
        story: Arc::clone(story),
        number,
        sessions: cast.sessions.clone(),
        asked: 0,
    }
}

/// A desk's day: patients one after the other, now and then an old one again.
async fn work(mut desk: Desk, image: Image, end: Instant) {
    let dice = desk.shared.dice;
    let mut old: Option<(Case, autoclave_client::Admission)> = None;
    for nth in 0..CASES_MAX {
        if Instant::now() >= end {
            return;
        }
        let question = nth * 10 + u64::from(desk.number);
        sleep(Duration::from_secs(dice.below("rest", question, 60))).await;
        let case = Case::new(&format!("p{}{nth}", desk.number), &image);
        desk.shared.trace.say(format!("client-{} begins {}", desk.number, case.name));
        let Some(admission) = desk.admit(&case).await else { return };
        if desk.diagnose(&case, &admission).await.is_none() {
            return;
        }
        if desk.shared.mischief == Some(Mischief::SecondIntake) {
            let repeated = Case { key: format!("{}-repeated", case.key), ..case.clone() };
            let _other = desk.admit_unseen(&repeated).await;
        }
        if let Some((case, admission)) = old.replace((case, admission))
            && desk.diagnose(&case, &admission).await.is_none()
        {
            return;
        }
    }
    // What was filed long ago is read once more at the end of the day.
    tokio::time::sleep_until(end).await;
    if let Some((case, admission)) = old {
        desk.diagnose(&case, &admission).await;
    }
}

/// In the calm: a new patient is diagnosed, all earlier ones are there once, and what was
/// told before is still told.
async fn afterwards(desk: &mut Desk, image: &Image) {
    let fresh = Case::new("fresh", image);
    let Some(admission) = desk.admit(&fresh).await else { return };
    if desk.diagnose(&fresh, &admission).await.is_none() {
        return;
    }
    if let Some(list) = desk.work_list().await {
        checks::work_list(&desk.shared, &desk.story, &list);
    }
}

/// What goes wrong beside connections and deaths.
async fn weather(shared: Arc<Shared>, deployment: Arc<Deployment>) {
    let dice = shared.dice;
    let mut serial = 1;
    for nth in 0.. {
        sleep(Duration::from_secs(5 + dice.below("weather", nth, 60))).await;
        let which = usize::try_from(dice.below("weather where", nth, 5)).unwrap_or(0);
        let party = Party::ALL[which];
        let seconds = 1 + dice.below("weather long", nth, 90);
        match dice.below("weather what", nth, 9) {
            0 | 1 => away(&shared, party, seconds),
            // Longer than a token lives.
            2 if dice.happens("long away", nth, 250) => away(&shared, Party::Attestor, 900),
            2 => away(&shared, Party::Attestor, seconds),
            3 | 4 => step(&shared, party, nth),
            5 => {
                shared.trace.say(format!("{}: no room for {seconds} s", party.name()));
                shared.fill_disk(party, Duration::from_secs(seconds));
            }
            6 | 7 => shared.kill(party, "by the weather"),
            _ => {
                serial += 1;
                shared.trace.say(format!("manifest {serial} is published"));
                let published = deployment.publish(serial, shared.true_clock.now());
                shared.trace.holds(published.is_ok(), || "the world has no disk".to_owned());
            }
        }
        if shared.mischief == Some(Mischief::NameInClear) {
            send(&shared, Party::Edge, eye::MARK.as_bytes().to_vec()).await;
        }
    }
}

fn away(shared: &Shared, party: Party, seconds: u64) {
    shared.trace.say(format!("{} cannot be reached for {seconds} s", party.name()));
    shared.net.send_away(party, Duration::from_secs(seconds));
}

/// A clock is put wrong, or right again.
fn step(shared: &Shared, party: Party, nth: u64) {
    const STEPS: [i64; 8] = [0, 5, -5, 40, -40, 300, -300, 2000];
    let which = usize::try_from(shared.dice.below("step", nth, 8)).unwrap_or(0);
    let (now, by) = (shared.true_clock.now(), STEPS[which]);
    shared.trace.say(format!("the clock of {} is wrong by {by} s", party.name()));
    let wrong = if by < 0 { now.minus(by.unsigned_abs()) } else { now.plus(by.unsigned_abs()) };
    shared.clocks[party.index()].set(wrong);
}

/// Somebody who kept what he saw, and sends it again: as it was, altered, cut, or to
/// somebody else.
async fn attack(shared: Arc<Shared>) {
    let dice = shared.dice;
    for nth in 0.. {
        sleep(Duration::from_secs(1 + dice.below("attack", nth, 20))).await;
        let Some((to, mut bytes)) = shared.net.kept(dice.roll("attack which", nth)) else {
            continue;
        };
        let place = usize::try_from(dice.below("attack where", nth, 1 + bytes.len() as u64));
        let place = place.unwrap_or(0);
        let mut party = Party::ALL.into_iter().find(|party| party.address() == to);
        match dice.below("attack how", nth, 5) {
            0 => bytes.truncate(place),
            1 => bytes.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 1),
            2 => party = Some(Party::ALL[usize::try_from(nth % 5).unwrap_or(0)]),
            _ => {}
        }
        if let Some(party) = party {
            send(&shared, party, bytes).await;
        }
    }
}

async fn send(shared: &Arc<Shared>, party: Party, bytes: Vec<u8>) {
    let view = View { shared: Arc::clone(shared), who: Who::Attacker, life: 0 };
    let exchange = async {
        let mut end = view.connect_to(party.address()).await?;
        end.write_all(&bytes).await?;
        let mut answer = Vec::new();
        end.read_to_end(&mut answer).await
    };
    let _whatever_he_reads = timeout(ATTACKER_PATIENCE, exchange).await;
}

/// Somebody who keeps checkpoints of all ledgers.
async fn watch(desk: Desk) {
    for nth in 0.. {
        sleep(Duration::from_secs(5 + desk.shared.dice.below("watch", nth, 40))).await;
        let which = usize::try_from(nth % 4).unwrap_or(0);
        let party = Party::ENCLAVES[which];
        let Ok(Ok(client)) = timeout(ATTACKER_PATIENCE, desk.connect()).await else { continue };
        let path = format!("/parties/{}/ledger/checkpoint", party.name());
        let Ok(Ok(answer)) = timeout(ATTACKER_PATIENCE, client.http().get(&path)).await else {
            continue;
        };
        if let (true, Ok(note)) =
            (answer.status.is_success(), String::from_utf8(answer.body.to_vec()))
        {
            desk.story.saw_checkpoint(party, note);
        }
    }
}
