//! What a request asks for, by its method and path (PS3.18, section 10). Nobody's: pure.

use http::Method;

use crate::uid::Uid;

/// Frames of one request.
const FRAMES_MAX: usize = 4096;

/// A study, one of its series, or one of its instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Study Instance UID.
    pub study: Uid,
    /// Series Instance UID.
    pub series: Option<Uid>,
    /// SOP Instance UID.
    pub instance: Option<Uid>,
}

/// At which level a search finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Studies.
    Study,
    /// Series.
    Series,
    /// Instances.
    Instance,
}

/// In which form a target is retrieved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// Its files.
    Files,
    /// Its attributes.
    Metadata,
    /// Frames by number, the first being 1.
    Frames(Vec<usize>),
    /// A picture to look at; of these frames, or of the first.
    Rendered(Vec<usize>),
    /// A small picture.
    Thumbnail(Vec<usize>),
    /// One value by its path, or all bulk data.
    Bulk(Vec<String>),
}

/// A request of `DICOMweb`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// STOW-RS, into any study or into one.
    Store(Option<Uid>),
    /// QIDO-RS at a level, within a study and series.
    Search(Level, Option<Uid>, Option<Uid>),
    /// WADO-RS.
    Retrieve(Target, Form),
}

/// Why a path is none of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathRefusal {
    /// There is nothing there.
    #[error("no such resource")]
    Unknown,
    /// There is, and it takes other methods.
    #[error("no such method")]
    Method,
    /// A UID or frame number is none.
    #[error("a UID or frame number is malformed")]
    Malformed,
}

impl Route {
    /// Reads method and path, the latter in its parts behind the base.
    pub fn parse(method: &Method, path: &[String]) -> Result<Self, PathRefusal> {
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        match (method, parts.as_slice()) {
            (&Method::POST, ["studies"]) => Ok(Self::Store(None)),
            (&Method::POST, ["studies", study]) => Ok(Self::Store(Some(uid(study)?))),
            (&Method::GET | &Method::HEAD, parts) => get(parts),
            (_, ["studies" | "series" | "instances", ..]) => Err(PathRefusal::Method),
            _ => Err(PathRefusal::Unknown),
        }
    }
}

fn get(parts: &[&str]) -> Result<Route, PathRefusal> {
    let search = |level, study: Option<&&str>, series: Option<&&str>| {
        let one = |text: Option<&&str>| text.map(|text| uid(text)).transpose();
        Ok(Route::Search(level, one(study)?, one(series)?))
    };
    match parts {
        ["studies"] => search(Level::Study, None, None),
        ["series"] => search(Level::Series, None, None),
        ["instances"] => search(Level::Instance, None, None),
        ["studies", study, "series"] => search(Level::Series, Some(study), None),
        ["studies", study, "instances"] => search(Level::Instance, Some(study), None),
        ["studies", study, "series", series, "instances"] => {
            search(Level::Instance, Some(study), Some(series))
        }
        ["studies", study, "series", series, "instances", instance, rest @ ..] => {
            retrieve(study, Some(series), Some(instance), rest)
        }
        ["studies", study, "series", series, rest @ ..] => {
            retrieve(study, Some(series), None, rest)
        }
        ["studies", study, rest @ ..] => retrieve(study, None, None, rest),
        _ => Err(PathRefusal::Unknown),
    }
}

fn retrieve(
    study: &str,
    series: Option<&&str>,
    instance: Option<&&str>,
    rest: &[&str],
) -> Result<Route, PathRefusal> {
    let one = |text: Option<&&str>| text.map(|text| uid(text)).transpose();
    let target = Target { study: uid(study)?, series: one(series)?, instance: one(instance)? };
    let form = match rest {
        [] => Form::Files,
        ["metadata"] => Form::Metadata,
        ["rendered"] => Form::Rendered(Vec::new()),
        ["thumbnail"] => Form::Thumbnail(Vec::new()),
        ["bulkdata"] => Form::Bulk(Vec::new()),
        _ if target.instance.is_none() => return Err(PathRefusal::Unknown),
        ["frames", list] => Form::Frames(frames(list)?),
        ["frames", list, "rendered"] => Form::Rendered(frames(list)?),
        ["frames", list, "thumbnail"] => Form::Thumbnail(frames(list)?),
        ["bulkdata", path @ ..] => Form::Bulk(path.iter().map(|&part| part.to_owned()).collect()),
        _ => return Err(PathRefusal::Unknown),
    };
    Ok(Route::Retrieve(target, form))
}

fn uid(text: &str) -> Result<Uid, PathRefusal> {
    text.parse().map_err(|_| PathRefusal::Malformed)
}

fn frames(list: &str) -> Result<Vec<usize>, PathRefusal> {
    let numbers = list.split(',').map(|number| {
        number.trim().parse().ok().filter(|number| *number > 0).ok_or(PathRefusal::Malformed)
    });
    let numbers: Vec<usize> = numbers.collect::<Result<_, _>>()?;
    if numbers.len() > FRAMES_MAX { Err(PathRefusal::Malformed) } else { Ok(numbers) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(method: &Method, path: &str) -> Result<Route, PathRefusal> {
        let path: Vec<String> = path.split('/').map(str::to_owned).collect();
        Route::parse(method, &path)
    }

    #[test]
    fn every_resource_of_the_standard_has_its_route() {
        let get = |path: &str| parse(&Method::GET, path).unwrap();
        let uid = |text: &str| Some(text.parse().unwrap());
        assert_eq!(get("studies"), Route::Search(Level::Study, None, None));
        assert_eq!(get("studies/1.2/series"), Route::Search(Level::Series, uid("1.2"), None));
        assert_eq!(get("studies/1.2/instances"), Route::Search(Level::Instance, uid("1.2"), None));
        assert_eq!(
            get("studies/1.2/series/1.3/instances"),
            Route::Search(Level::Instance, uid("1.2"), uid("1.3"))
        );
        assert_eq!(get("instances"), Route::Search(Level::Instance, None, None));
        let target =
            Target { study: "1.2".parse().unwrap(), series: uid("1.3"), instance: uid("1.4") };
        let deep = "studies/1.2/series/1.3/instances/1.4";
        for (rest, form) in [
            ("", Form::Files),
            ("/metadata", Form::Metadata),
            ("/frames/1,3", Form::Frames(vec![1, 3])),
            ("/frames/2/rendered", Form::Rendered(vec![2])),
            ("/rendered", Form::Rendered(vec![])),
            ("/thumbnail", Form::Thumbnail(vec![])),
            ("/bulkdata/7FE00010", Form::Bulk(vec!["7FE00010".to_owned()])),
        ] {
            let expected = Route::Retrieve(target.clone(), form);
            assert_eq!(get(&format!("{deep}{rest}")), expected, "{rest}");
        }
    }

    #[test]
    fn what_is_no_resource_is_refused() {
        for (method, path, why) in [
            (Method::GET, "patients", PathRefusal::Unknown),
            (Method::GET, "studies/1.2/frames/1", PathRefusal::Unknown),
            (Method::GET, "studies/..", PathRefusal::Malformed),
            (Method::GET, "studies/1.2/series/1/instances/1/frames/0", PathRefusal::Malformed),
            (Method::GET, "studies/1.2/series/1/instances/1/frames/x", PathRefusal::Malformed),
            (Method::DELETE, "studies/1.2", PathRefusal::Method),
            (Method::POST, "studies/x", PathRefusal::Malformed),
        ] {
            assert_eq!(parse(&method, path), Err(why), "{method} {path}");
        }
    }
}
