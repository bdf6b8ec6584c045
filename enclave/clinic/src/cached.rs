//! What the clinic keeps in its cache: sessions, answers, and the image on its way from
//! intake to diagnosis. The hospital's. The database is the truth: whether a session counts
//! or a result is filed it alone says, and a cache can only spare reading it.

use autoclave_attest::chain::Link;
use autoclave_base::ids::ImagingStudyId;
use autoclave_base::{Phi, UnixTime};
use autoclave_cell::cache::{Space, VALUE_BYTES_MAX};
use serde::{Deserialize, Serialize};

use crate::Clinic;
use crate::auth::generations::Generation;
use crate::auth::session::TOUCH_SECONDS_MIN;
use crate::image::ImageType;
use crate::store::SessionRow;

const SESSIONS: Space = Space::new("clinic session v1");
const ANSWERS: Space = Space::new("clinic answer v1");
const IMAGES: Space = Space::new("clinic image v1");

/// An answer is asked for again on the day of the admission, if at all.
const ANSWER_SECONDS: u64 = 86_400;
/// A diagnosis is asked for right after intake.
const IMAGE_SECONDS: u64 = 600;

/// A session's row as it is kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    staff: autoclave_base::ids::StaffId,
    role: String,
    jkt: String,
    expires_at: UnixTime,
    used_at: UnixTime,
}

/// An image that goes on to diagnosis, and through which attested components it came.
pub(crate) struct CachedImage {
    pub(crate) content_type: ImageType,
    pub(crate) bytes: Phi<Vec<u8>>,
    pub(crate) links: Vec<Link>,
}

impl Clinic {
    /// The copy of a session, if there is one of this generation.
    pub(crate) async fn cached_session(&self, generation: &Generation) -> Option<SessionRow> {
        let row = self.cache.get(SESSIONS, generation.name()).await?;
        let Row { staff, role, jkt, expires_at, used_at } =
            serde_json::from_slice(row.expose()).ok()?;
        Some(SessionRow { staff, role: role.parse().ok()?, jkt, expires_at, used_at })
    }

    /// Keeps a copy of a session for as long as its use need not be noted.
    pub(crate) async fn cache_session(&self, generation: &Generation, session: &SessionRow) {
        let SessionRow { staff, role, jkt, expires_at, used_at } = session;
        let (role, jkt) = (role.code().to_owned(), jkt.clone());
        let row = Row { staff: *staff, role, jkt, expires_at: *expires_at, used_at: *used_at };
        if let Ok(row) = serde_json::to_vec(&row) {
            let seconds = TOUCH_SECONDS_MIN;
            self.cache.put(SESSIONS, generation.name(), Phi::new(row), seconds).await;
        }
    }

    /// The copy of the answer about a study whose `report` is filed.
    pub(crate) async fn cached_answer(
        &self,
        study: ImagingStudyId,
        report: &str,
    ) -> Option<Phi<Vec<u8>>> {
        self.cache.get(ANSWERS, &answer_name(study, report)).await
    }

    /// Keeps a copy of the answer about a study.
    pub(crate) async fn cache_answer(&self, study: ImagingStudyId, report: &str, body: &[u8]) {
        let body = Phi::new(body.to_vec());
        self.cache.put(ANSWERS, &answer_name(study, report), body, ANSWER_SECONDS).await;
    }

    /// The copy of a study's image.
    pub(crate) async fn cached_image(&self, study: ImagingStudyId) -> Option<CachedImage> {
        let (bytes, links) = self.cache.fetch(IMAGES, study.to_string().as_bytes()).await?;
        let content_type = ImageType::of(bytes.expose(), None).ok()?;
        Some(CachedImage { content_type, bytes, links })
    }

    /// Keeps a copy of a study's image until it was diagnosed.
    pub(crate) async fn cache_image(&self, study: ImagingStudyId, image: Phi<Vec<u8>>) {
        self.cache.put(IMAGES, study.to_string().as_bytes(), image, IMAGE_SECONDS).await;
    }

    /// A study was diagnosed: its image is not needed again soon.
    pub(crate) async fn forget_image(&self, study: ImagingStudyId) {
        self.cache.remove(IMAGES, study.to_string().as_bytes()).await;
    }
}

/// Whether a copy of so large an image would be kept.
pub(crate) const fn is_kept(image: &Phi<Vec<u8>>) -> bool {
    image.expose().len() <= VALUE_BYTES_MAX
}

/// A result that is not filed, or another one, is never found: the database says which is.
fn answer_name(study: ImagingStudyId, report: &str) -> Vec<u8> {
    format!("{study}/{report}").into_bytes()
}
