//! The attestor is gone: work goes on while tokens live, whoever has to verify anew is told
//! so, and all goes on when it is back. (That work stops when tokens end is tested in one
//! process, where time can be turned: `work_stops_with_the_tokens_and_goes_on_when_the_attestor_is_back`.)

use autoclave::deploy::party::Party;

use super::common::Any;
use super::common::scene::{self, Scene};
use super::works;

/// Diagnoses that are made without an attestor.
const ROUNDS: usize = 5;

pub(crate) async fn attestor(scene: &mut Scene) -> Any<String> {
    works(scene).await?;
    scene.parties.kill(Party::Attestor).await?;
    for _ in 0..ROUNDS {
        works(scene).await?;
    }
    let refused = scene.client.verify(&scene::workload(Party::Clinic)?).await;
    let code = refused.err().ok_or("verified without an attestor")?.code().into_owned();
    if scene::connect(&scene.layout, &scene.ports).await.is_ok() {
        return Err("a new client believes an absent attestor".into());
    }
    scene.parties.restart(Party::Attestor).await?;
    scene.client.verify(&scene::workload(Party::Clinic)?).await?;
    scene.parties.kill(Party::Diagnosis).await?;
    scene.parties.restart(Party::Diagnosis).await?;
    works(scene).await?;
    Ok(format!("{ROUNDS} diagnoses without it, verifying is refused with {code}"))
}
