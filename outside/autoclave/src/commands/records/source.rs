//! The files of an import, and how each is cut into parcels. It belongs to `records import`.
//! What a file is, its name says; what is unusable in it is told by row, and the rest goes on.

use std::fs;
use std::path::{Path, PathBuf};

use autoclave_base::Digest;
use autoclave_fhir::json::Node;

use super::blueprint;
use super::parcel::{Parcel, Unusable, of_bundle, of_resources};
use crate::failure::{Failure, Outcome};
use crate::files;

/// Rows sent at one time: one commit, and little to send again.
const ROWS: usize = 200;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A Bundle, or one resource.
    Json,
    /// A resource on each line.
    Ndjson,
    /// Admissions as the hospital blueprint exports them.
    Csv,
}

/// A file, read and digested.
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) digest: Digest,
    bytes: Vec<u8>,
    form: Form,
}

/// A parcel, or the rows that make none.
pub(super) type Cut = Result<Parcel, Unfit>;

/// Rows that cannot be sent.
pub(super) struct Unfit {
    pub(super) first: usize,
    pub(super) count: usize,
    pub(super) why: Unusable,
}

/// How files begin whose resources others refer to, often by identifier: these come first.
const FIRST: [&str; 9] = [
    "hospitalInformation",
    "practitionerInformation",
    "Organization.",
    "Location.",
    "Practitioner.",
    "PractitionerRole.",
    "Patient.",
    "RelatedPerson.",
    "Encounter.",
];

/// All files that are named, and those in folders that are: first those that others refer to,
/// then the rest, each in the order of their names.
pub(super) fn find(paths: &[PathBuf]) -> Outcome<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        let meta = fs::metadata(path).map_err(|error| Failure::file(path, &error))?;
        if meta.is_dir() {
            found.extend(within(path)?);
        } else if form(path).is_some() {
            found.push(path.clone());
        } else {
            let text = format!("{} is neither .json, .ndjson nor .csv", path.display());
            return Err(Failure::new("import.unknown_form", text));
        }
    }
    if found.is_empty() {
        return Err(Failure::new("import.nothing", "There is no file to import."));
    }
    Ok(found)
}

fn within(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let failed = |error| Failure::file(folder, &error);
    let mut files: Vec<PathBuf> = Vec::new();
    let mut below: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            below.push(path);
        } else if form(&path).is_some() {
            files.push(path);
        }
    }
    files.sort_by_cached_key(|path| (rank(path), path.clone()));
    below.sort();
    for folder in below {
        files.extend(within(&folder)?);
    }
    Ok(files)
}

fn rank(path: &Path) -> usize {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    FIRST.iter().position(|begin| name.starts_with(begin)).unwrap_or(FIRST.len())
}

fn form(path: &Path) -> Option<Form> {
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "json" => Some(Form::Json),
        "ndjson" | "jsonl" => Some(Form::Ndjson),
        "csv" => Some(Form::Csv),
        _ => None,
    }
}

impl Source {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Outcome<Self> {
        let bytes = files::read(path)?;
        let form = form(path).unwrap_or(Form::Json);
        Ok(Self { path: path.to_owned(), digest: Digest::of(&bytes), bytes, form })
    }

    /// All its parcels, the same each time.
    pub(super) fn cut(&self) -> Vec<Cut> {
        match self.form {
            Form::Json => vec![self.whole()],
            Form::Ndjson => self.lines(),
            Form::Csv => self.rows(),
        }
    }

    fn whole(&self) -> Cut {
        let unfit = |why| Unfit { first: 1, count: 1, why };
        let node = Node::parse(&self.bytes).map_err(|_| unfit(Unusable::Json))?;
        if node.text_of("resourceType") == Some("Bundle") {
            of_bundle(self.digest, node).map_err(unfit)
        } else {
            of_resources(self.digest, 1, vec![node]).map_err(unfit)
        }
    }

    fn lines(&self) -> Vec<Cut> {
        let lines: Vec<&[u8]> = self.bytes.split(|byte| *byte == b'\n').collect();
        let mut all = Vec::new();
        for (at, chunk) in lines.chunks(ROWS).enumerate() {
            self.some_lines(at * ROWS + 1, chunk, &mut all);
        }
        all
    }

    /// A parcel of the good lines on each side of a bad one, which stands for itself.
    fn some_lines(&self, first: usize, lines: &[&[u8]], all: &mut Vec<Cut>) {
        let mut good = (first, Vec::new());
        for (row, line) in (first..).zip(lines) {
            if line.trim_ascii().is_empty() {
                self.close(&mut good, row + 1, all);
                continue;
            }
            let node = Node::parse(line).map_err(|_| Unusable::Json);
            let is_resource = |node: &Node<'_>| {
                node.text_of("resourceType")
                    .is_some_and(|name| name.parse::<autoclave_fhir::Kind>().is_ok())
            };
            match node {
                Ok(node) if is_resource(&node) => good.1.push(node),
                other => {
                    self.close(&mut good, row + 1, all);
                    let why = other.err().unwrap_or(Unusable::Resource);
                    all.push(Err(Unfit { first: row, count: 1, why }));
                }
            }
        }
        self.close(&mut good, 0, all);
    }

    fn close(&self, good: &mut (usize, Vec<Node<'_>>), next: usize, all: &mut Vec<Cut>) {
        let (first, resources) = std::mem::replace(good, (next, Vec::new()));
        if !resources.is_empty() {
            let count = resources.len();
            let parcel = of_resources(self.digest, first, resources);
            all.push(parcel.map_err(|why| Unfit { first, count, why }));
        }
    }

    fn rows(&self) -> Vec<Cut> {
        blueprint::read(&self.bytes, ROWS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(form: Form, bytes: &[u8]) -> Source {
        let bytes = bytes.to_vec();
        Source { path: PathBuf::from("file"), digest: Digest::of(&bytes), bytes, form }
    }

    fn shape(cuts: &[Cut]) -> Vec<(usize, usize, Option<Unusable>)> {
        let one = |cut: &Cut| match cut {
            Ok(parcel) => (parcel.first, parcel.count, None),
            Err(unfit) => (unfit.first, unfit.count, Some(unfit.why)),
        };
        cuts.iter().map(one).collect()
    }

    #[test]
    fn a_bad_line_stands_for_itself_and_empty_ones_for_nothing() {
        let text = b"{\"resourceType\":\"Patient\"}\n{\"resourceType\":\"Patient\"}\n{oops\n\n{\"resourceType\":\"Group\"}\n{\"resourceType\":\"Cat\"}\n";
        let cuts = source(Form::Ndjson, text).cut();
        let expected = [
            (1, 2, None),
            (3, 1, Some(Unusable::Json)),
            (5, 1, None),
            (6, 1, Some(Unusable::Resource)),
        ];
        assert_eq!(shape(&cuts), expected);
    }

    #[test]
    fn one_resource_is_a_parcel_too() {
        let cuts = source(Form::Json, br#"{"resourceType":"Patient","id":"a"}"#).cut();
        assert_eq!(shape(&cuts), [(1, 1, None)]);
        assert_eq!(shape(&source(Form::Json, b"[1").cut()), [(1, 1, Some(Unusable::Json))]);
    }

    #[test]
    fn folders_are_searched_and_other_files_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("sub")).unwrap();
        let names = ["b.json", "a.ndjson", "Patient.000.ndjson", "Organization.ndjson"];
        for name in names.into_iter().chain(["notes.txt", "sub/c.csv"]) {
            fs::write(path(name), b"").unwrap();
        }
        let found = find(&[folder.path().to_owned()]).unwrap();
        let first =
            ["Organization.ndjson", "Patient.000.ndjson", "a.ndjson", "b.json", "sub/c.csv"];
        assert_eq!(found, first.map(path));
        assert_eq!(find(&[path("notes.txt")]).unwrap_err().code(), "import.unknown_form");
    }
}
