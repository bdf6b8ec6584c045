//! The programs of others: dcmtk, Orthanc with its `DICOMweb` plugin, and highdicom. A test
//! whose peer is not installed says so and passes.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dicom_dictionary_std::uids;
use serde_json::{Value, json};

use super::http::serve;
use super::scene::Scene;
use crate::Instance;
use crate::instance::samples::{self, COLUMNS, ONE, Of, ROWS};
use crate::seg::{self, Mask, tests};

const PLUGIN: &str = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so";

fn output(program: &str, arguments: &[&str]) -> Option<(bool, String)> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

fn is_absent(program: &str) -> bool {
    let absent = output(program, &["--version"]).is_none();
    if absent {
        eprintln!("skipped: {program} is not installed");
    }
    absent
}

fn written(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A segmentation of the sample image.
fn segmentation() -> Vec<u8> {
    let source = Instance::read(&samples::plain(samples::image(ONE))).unwrap();
    let pixels = tests::mask();
    let mask = Mask { columns: COLUMNS, rows: ROWS, pixels: &pixels };
    seg::write(&source.metadata, mask, &tests::SEGMENT, 1_795_000_000_000).unwrap()
}

#[test]
fn dcmtk_reads_our_segmentation_and_says_the_same_of_it_as_we_do() {
    if is_absent("dcm2json") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = segmentation();
    let path = written(folder.path(), "seg.dcm", &file);
    let (sound, dump) = output("dcmdump", &["+L", &path]).unwrap();
    assert!(sound && !dump.contains("W:") && !dump.contains("E:"), "{dump}");
    let (sound, theirs) = output("dcm2json", &["-fc", &path]).unwrap();
    assert!(sound, "{theirs}");
    let theirs: Value = serde_json::from_str(&theirs).unwrap();
    let ours = Instance::read(&file).unwrap().metadata.to_bytes();
    let ours: Value = serde_json::from_slice(&ours).unwrap();
    compare(&theirs, &ours, "");
}

/// The same attributes and values; bulk data may stand elsewhere, and group 2 is the file's.
fn compare(theirs: &Value, ours: &Value, path: &str) {
    match (theirs, ours) {
        (Value::Object(one), Value::Object(other)) => {
            for (name, value) in one {
                let is_bulk = matches!(name.as_str(), "InlineBinary" | "BulkDataURI");
                if name.starts_with("0002") || is_bulk {
                    continue;
                }
                let own = other.get(name).unwrap_or_else(|| panic!("{path}/{name} is missing"));
                compare(value, own, &format!("{path}/{name}"));
            }
        }
        (Value::Array(one), Value::Array(other)) => {
            assert_eq!(one.len(), other.len(), "{path}");
            one.iter().zip(other).for_each(|(one, other)| compare(one, other, path));
        }
        (Value::Number(one), Value::Number(other)) => {
            assert_eq!(one.as_f64(), other.as_f64(), "{path}");
        }
        _ => assert_eq!(theirs, ours, "{path}"),
    }
}

#[test]
fn dcmtk_says_the_same_as_we_of_images_in_every_native_transfer_syntax() {
    if is_absent("dcm2json") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let source = samples::plain(samples::frames(ONE, 2));
    let source = written(folder.path(), "source.dcm", &source);
    for option in ["+ti", "+te", "+tb"] {
        let to = folder.path().join("out.dcm");
        let (sound, said) = output("dcmconv", &[option, &source, to.to_str().unwrap()]).unwrap();
        assert!(sound, "{said}");
        let ours = Instance::read(&std::fs::read(&to).unwrap()).unwrap().metadata.to_bytes();
        let (_, theirs) = output("dcm2json", &["-fc", to.to_str().unwrap()]).unwrap();
        let theirs: Value = serde_json::from_str(&theirs).unwrap();
        compare(&theirs, &serde_json::from_slice(&ours).unwrap(), option);
    }
}

#[tokio::test]
async fn what_dcmtk_compresses_is_stored_split_into_frames_and_rendered() {
    if is_absent("dcmcrle") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let source = samples::plain(samples::frames(ONE, 3));
    let source = written(folder.path(), "source.dcm", &source);
    for (program, option) in [("dcmcrle", "+e"), ("dcmcjpeg", "+e1"), ("dcmcjpls", "+el")] {
        let to = folder.path().join("out.dcm");
        let _ = option;
        let (sound, said) = output(program, &[&source, to.to_str().unwrap()]).unwrap();
        assert!(sound, "{said}");
        let file = std::fs::read(&to).unwrap();
        let scene = Scene::new();
        let answer = scene.stow("studies", std::slice::from_ref(&file)).await;
        assert_eq!(answer.status, 200, "{program} {}", String::from_utf8_lossy(&answer.body));
        let path = "studies/2.25.1/series/2.25.1.1/instances/2.25.1.1.1";
        let any = "multipart/related; type=\"application/octet-stream\"; transfer-syntax=*";
        let frames = scene.get(&format!("{path}/frames/1,2,3"), any).await;
        assert_eq!(frames.parts().len(), 3, "{program}");
        let picture = scene.get(&format!("{path}/frames/2/rendered"), "image/png").await;
        if program == "dcmcjpls" {
            // No decoder for JPEG-LS here: said, not guessed.
            assert_eq!(picture.json()["code"], "imaging.not_decoded");
            continue;
        }
        let shown = image::load_from_memory(&picture.body).unwrap().to_luma8();
        let frame = usize::from(ROWS) * usize::from(COLUMNS);
        assert_eq!(shown.as_raw()[..], samples::grey(3)[frame..2 * frame], "{program}");
    }
}

#[test]
fn highdicom_opens_our_segmentation_and_finds_the_mask() {
    let python = "python3";
    if !output(python, &["-c", "import highdicom"]).is_some_and(|(sound, _)| sound) {
        eprintln!("skipped: highdicom is not installed for Python");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), "seg.dcm", &segmentation());
    let source = samples::plain(samples::image(ONE));
    let source = written(folder.path(), "source.dcm", &source);
    let script = "
import sys, highdicom as hd, pydicom
seg = hd.seg.segread(sys.argv[1])
source = pydicom.dcmread(sys.argv[2])
pixels = seg.get_pixels_by_source_instance([source.SOPInstanceUID], combine_segments=True)
print(seg.number_of_segments, seg.get_segment_description(1).segment_label, pixels.shape, int(pixels.sum()), int(pixels[0, 3, 3]), int(pixels[0, -1, -1]))
";
    let (sound, said) = output(python, &["-c", script, &path, &source]).unwrap();
    assert!(sound, "{said}");
    assert!(said.contains("1 FLAIR abnormality (1, 16, 24) 17 1 1"), "{said}");
}

/// Orthanc, ended with the test.
struct Orthanc {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Drop for Orthanc {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Orthanc {
    /// One that knows us as `clinic`; `None` where it is not installed.
    async fn start(ours: &str) -> Option<Self> {
        if is_absent("Orthanc") || !Path::new(PLUGIN).exists() {
            eprintln!("skipped: Orthanc or its DICOMweb plugin is not installed");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let settings = json!({
            "Name": "test", "HttpPort": port, "DicomPort": free_port(), "Plugins": [PLUGIN],
            "StorageDirectory": folder.path().join("storage"),
            "IndexDirectory": folder.path().join("index"),
            "AuthenticationEnabled": false, "RemoteAccessAllowed": false,
            "DicomServerEnabled": false,
            "DicomWeb": { "Enable": true, "Root": "/dicom-web/",
                          "Servers": { "clinic": { "Url": ours, "HasDelete": "0" } } },
        });
        let path = written(folder.path(), "orthanc.json", settings.to_string().as_bytes());
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child =
            Command::new("Orthanc").arg(path).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let orthanc = Self { child, port, folder };
        for _ in 0..300 {
            if orthanc.ask("GET", "/system", None).await.is_some() {
                return Some(orthanc);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("Orthanc does not start");
    }

    /// Asks through curl, off the runtime that answers Orthanc.
    async fn ask(&self, method: &str, path: &str, body: Option<Vec<u8>>) -> Option<Vec<u8>> {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let method = method.to_owned();
        let asked = tokio::task::spawn_blocking(move || {
            let mut command = Command::new("curl");
            command.args(["-sSf", "--max-time", "60", "-X", &method, &url]);
            let folder = tempfile::tempdir().unwrap();
            if let Some(body) = body {
                let path = written(folder.path(), "body", &body);
                command.args(["--data-binary", &format!("@{path}")]);
            }
            let output = command.output().unwrap();
            output.status.success().then_some(output.stdout)
        });
        asked.await.unwrap()
    }

    async fn json(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let body = body.map(|body| body.to_string().into_bytes());
        let answer = self.ask(method, path, body).await;
        let answer = answer.unwrap_or_else(|| {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap();
            panic!("Orthanc refuses {method} {path}: {log}")
        });
        serde_json::from_slice(&answer).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orthanc_pushes_by_stow_finds_by_qido_and_retrieves_by_wado() {
    let scene = Scene::new();
    let address = serve(scene.web.clone()).await;
    let Some(orthanc) = Orthanc::start(&format!("http://{address}/dicom-web/")).await else {
        return;
    };
    let mut files: Vec<_> = ["2.25.1.1.1", "2.25.1.1.2", "2.25.1.1.3"]
        .map(|instance| samples::plain(samples::image(Of { instance, ..ONE })))
        .into();
    let implicit = Of { series: "2.25.1.2", instance: "2.25.1.2.1", ..ONE };
    files.push(samples::file(samples::frames(implicit, 2), uids::IMPLICIT_VR_LITTLE_ENDIAN));
    let mut study = String::new();
    for file in &files {
        let body = orthanc.ask("POST", "/instances", Some(file.clone())).await.unwrap();
        let added: Value = serde_json::from_slice(&body).unwrap();
        study = added["ParentStudy"].as_str().unwrap().to_owned();
    }
    // STOW-RS: Orthanc pushes the study to us.
    let push = json!({ "Resources": [study], "Synchronous": true });
    let pushed = orthanc.json("POST", "/dicom-web/servers/clinic/stow", Some(push)).await;
    assert!(pushed.to_string().contains("InstancesCount") || pushed.is_object(), "{pushed}");
    let listed = scene.all("ImagingStudy");
    assert_eq!(listed[0]["numberOfInstances"], 4);
    // QIDO-RS: Orthanc asks us.
    let query = json!({ "Uri": "/studies", "Arguments": { "PatientID": "MRN-1" } });
    let found = orthanc.json("POST", "/dicom-web/servers/clinic/qido", Some(query)).await;
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    // WADO-RS: an empty Orthanc gets the study back, with a segmentation beside it.
    assert_eq!(scene.stow("studies", &[segmentation()]).await.status, 200);
    orthanc.ask("DELETE", &format!("/studies/{study}"), None).await.unwrap();
    let retrieve = json!({ "Resources": [{ "Study": ONE.study }], "Synchronous": true });
    orthanc.json("POST", "/dicom-web/servers/clinic/retrieve", Some(retrieve)).await;
    let instances = orthanc.json("GET", "/instances?expand", None).await;
    let instances = instances.as_array().unwrap();
    assert_eq!(instances.len(), 5, "{instances:?}");
    for instance in instances {
        let id = instance["ID"].as_str().unwrap();
        let uid = instance["MainDicomTags"]["SOPInstanceUID"].as_str().unwrap();
        let back = orthanc.ask("GET", &format!("/instances/{id}/file"), None).await.unwrap();
        let at = ["2.25.1.1.1", "2.25.1.1.2", "2.25.1.1.3", "2.25.1.2.1"]
            .iter()
            .position(|own| *own == uid);
        if let Some(at) = at {
            assert!(back == files[at], "{uid} came back otherwise");
        } else {
            let tags = orthanc.json("GET", &format!("/instances/{id}/simplified-tags"), None).await;
            assert_eq!(tags["Modality"], "SEG");
            assert_eq!(tags["SegmentSequence"][0]["SegmentLabel"], "FLAIR abnormality");
        }
    }
}
