use http::StatusCode;

use super::scene::{Scene, TENANT};
use crate::instance::samples::{self, ONE, Of};

const PATH: &str = "studies/2.25.1/series/2.25.1.1/instances/2.25.1.1.1";

fn found(scene: &Scene, planted: &[u8]) -> bool {
    let files = std::fs::read_dir(scene.folder.path()).unwrap();
    let mut bytes = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
    bytes.any(|bytes| memchr::memmem::find(&bytes, planted).is_some())
}

#[tokio::test]
async fn no_pixel_name_or_uid_is_on_the_disk_as_it_is() {
    let scene = Scene::sealed();
    let count = 5 * 1024 * 1024 / samples::grey(1).len();
    let file = samples::plain(samples::frames(ONE, count));
    assert_eq!(scene.stow("studies", std::slice::from_ref(&file)).await.status, StatusCode::OK);
    assert!(scene.get(PATH, "application/dicom").await.body == file);
    for planted in [&samples::grey(1)[..32], b"Muster^Anna", b"2.25.1.1.1", b"MRN-1", b"DICM"] {
        assert!(!found(&scene, planted), "{}", String::from_utf8_lossy(planted));
    }
}

#[tokio::test]
async fn an_erased_patients_images_are_gone_and_everybody_elses_are_not() {
    let scene = Scene::sealed();
    scene.patient("p2", "MRN-2");
    let other =
        Of { patient: "MRN-2", study: "2.25.2", series: "2.25.2.1", instance: "2.25.2.1.1" };
    let files = [ONE, other].map(|of| samples::plain(samples::image(of)));
    assert_eq!(scene.stow("studies", &files).await.status, StatusCode::OK);
    let store = scene.store.clone();
    tokio::task::spawn_blocking(move || store.erase(TENANT, "p1").unwrap()).await.unwrap();
    for path in ["studies/2.25.1", "studies/2.25.1/metadata", PATH] {
        assert_eq!(scene.get(path, "").await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let kept = scene.get("studies/2.25.2", "").await;
    assert!(kept.parts().remove(0).body == files[1]);
    let again = scene.stow("studies", &files[..1]).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
}
