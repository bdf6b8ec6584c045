//! QIDO-RS requests and their answers.

use std::sync::Arc;

use autoclave_fhir::json::Node;
use http::{HeaderValue, Response, StatusCode, header};

use super::{Allowed, Dicomweb, Head, Told, blocking, negotiate};
use crate::body::Body;
use crate::fault::Fault;
use crate::path::Level;
use crate::qido::{Query, QueryRefusal};
use crate::search::{Search, SearchError};
use crate::uid::Uid;

/// 413, as PS3.18, 8.3.4 has it for searches that are too broad.
pub(super) const BROAD: Fault = Fault::new(
    StatusCode::PAYLOAD_TOO_LARGE,
    "imaging.search_broad",
    "The search is too broad; a UID, a patient or a date narrows it down.",
);

impl Dicomweb {
    pub(super) async fn search(
        &self,
        allowed: &Arc<Allowed>,
        head: Head,
        level: Level,
        study: Option<Uid>,
        series: Option<Uid>,
    ) -> Result<Told, Fault> {
        negotiate::json(&head)?;
        let query = Query::parse(&head.query)?;
        let fuzzy = query.fuzzy;
        let (images, allowed) = (self.0.shelf.clone(), Arc::clone(allowed));
        let matches = blocking(move || {
            let (study, series) = (study.as_ref(), series.as_ref());
            let search = Search { level, study, series, query: &query, base: &head.base };
            Ok(images.search(&allowed.asker(), &search)?)
        })
        .await?;
        let count = matches.answers.len() as u64;
        let mut answer = json(&Node::List(matches.answers));
        if fuzzy {
            warn(&mut answer, NOT_FUZZY);
        }
        if matches.more {
            warn(&mut answer, MORE);
        }
        Ok(Told { answer, patients: matches.patients, count })
    }
}

const NOT_FUZZY: &str = "299 autoclave \"The fuzzymatching parameter is not supported. Only literal matching has been performed.\"";
const MORE: &str = "299 autoclave \"There are additional results that can be requested\"";

fn warn(answer: &mut Response<Body>, text: &'static str) {
    answer.headers_mut().append(header::WARNING, HeaderValue::from_static(text));
}

/// An answer in the DICOM JSON model.
pub(super) fn json(node: &Node<'_>) -> Response<Body> {
    let mut answer = Response::new(Body::Whole(node.to_bytes().into()));
    let media_type = HeaderValue::from_static(negotiate::JSON);
    answer.headers_mut().insert(header::CONTENT_TYPE, media_type);
    answer
}

impl From<QueryRefusal> for Fault {
    fn from(refusal: QueryRefusal) -> Self {
        match refusal {
            QueryRefusal::Attribute => {
                Self::bad("imaging.attribute_unknown", "A query names an unknown attribute.")
            }
            QueryRefusal::Number => {
                Self::bad("imaging.limit_malformed", "limit and offset are whole numbers.")
            }
            QueryRefusal::Size => Self::bad("imaging.query_large", "A query has too many keys."),
        }
    }
}

impl From<SearchError> for Fault {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Broad => BROAD,
            SearchError::Shelf(error) => error.into(),
        }
    }
}
