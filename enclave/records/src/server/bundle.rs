//! Bundles as they leave: written once, front to back, stored resources byte by byte. Pure.

use autoclave_fhir::json::write_text;

use super::instant::instant;

/// What a bundle says before its entries.
pub(crate) struct Head<'a> {
    /// `searchset`, `history`, `batch-response` or `transaction-response`.
    pub(crate) kind: &'static str,
    /// Milliseconds since 1970.
    pub(crate) at: i64,
    pub(crate) total: Option<u64>,
    /// Relation and URL.
    pub(crate) links: &'a [(&'static str, String)],
}

/// One entry; what is `None` is not written.
#[derive(Default)]
pub(crate) struct Entry<'a> {
    pub(crate) full_url: Option<&'a str>,
    /// A resource as JSON.
    pub(crate) resource: Option<&'a [u8]>,
    /// `match`, `include` or `outcome`.
    pub(crate) mode: Option<&'static str>,
    /// Method and URL of a history's entry.
    pub(crate) request: Option<(&'static str, &'a str)>,
    pub(crate) response: Option<EntryResponse<'a>>,
}

/// How an entry of a batch ended, or how a version came about.
#[derive(Default)]
pub(crate) struct EntryResponse<'a> {
    pub(crate) status: &'a str,
    pub(crate) location: Option<&'a str>,
    pub(crate) version: Option<u32>,
    pub(crate) modified: Option<i64>,
    /// An `OperationOutcome` as JSON.
    pub(crate) outcome: Option<&'a [u8]>,
}

/// A bundle being written.
pub(crate) struct Writer {
    out: Vec<u8>,
    entries: usize,
}

impl Writer {
    /// Begins a bundle; `room` bytes are expected in all.
    pub(crate) fn new(head: &Head<'_>, room: usize) -> Self {
        let mut out = Vec::with_capacity(room + 512);
        out.extend(b"{\"resourceType\":\"Bundle\",\"type\":\"");
        out.extend(head.kind.as_bytes());
        out.extend(b"\",\"timestamp\":\"");
        out.extend(instant(head.at).as_bytes());
        out.push(b'"');
        if let Some(total) = head.total {
            out.extend(format!(",\"total\":{total}").as_bytes());
        }
        for (at, (relation, url)) in head.links.iter().enumerate() {
            out.extend(if at == 0 { &b",\"link\":["[..] } else { b"," });
            out.extend(b"{\"relation\":\"");
            out.extend(relation.as_bytes());
            out.extend(b"\",\"url\":");
            write_text(url, &mut out);
            out.push(b'}');
        }
        if !head.links.is_empty() {
            out.push(b']');
        }
        Self { out, entries: 0 }
    }

    /// Adds an entry.
    pub(crate) fn entry(&mut self, entry: &Entry<'_>) {
        let out = &mut self.out;
        out.extend(if self.entries == 0 { &b",\"entry\":[{"[..] } else { b",{" });
        self.entries += 1;
        let mut members = Members { out, first: true };
        if let Some(url) = entry.full_url {
            members.text("fullUrl", url);
        }
        if let Some(resource) = entry.resource {
            members.raw("resource", resource);
        }
        if let Some(mode) = entry.mode {
            members.raw("search", b"{\"mode\":");
            members.value(mode);
            members.out.push(b'}');
        }
        if let Some((method, url)) = entry.request {
            members.raw("request", b"{\"method\":");
            members.value(method);
            members.out.extend(b",\"url\":");
            members.value(url);
            members.out.push(b'}');
        }
        if let Some(response) = &entry.response {
            members.raw("response", b"");
            response.write(members.out);
        }
        self.out.push(b'}');
    }

    /// The bundle.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.out.extend(if self.entries > 0 { &b"]}"[..] } else { b"}" });
        self.out
    }
}

impl EntryResponse<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        let mut members = Members { out, first: true };
        members.text("status", self.status);
        if let Some(location) = self.location {
            members.text("location", location);
        }
        if let Some(version) = self.version {
            members.text("etag", &format!("W/\"{version}\""));
        }
        if let Some(at) = self.modified {
            members.text("lastModified", &instant(at));
        }
        if let Some(outcome) = self.outcome {
            members.raw("outcome", outcome);
        }
        members.out.push(b'}');
    }
}

struct Members<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl Members<'_> {
    fn raw(&mut self, name: &str, value: &[u8]) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        self.value(name);
        self.out.push(b':');
        self.out.extend(value);
    }

    fn text(&mut self, name: &str, value: &str) {
        self.raw(name, b"");
        self.value(value);
    }

    fn value(&mut self, value: &str) {
        write_text(value, self.out);
    }
}

/// The same JSON with line breaks and two spaces for each level (`_pretty`).
pub(crate) fn pretty(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() * 2);
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    let line = |out: &mut Vec<u8>, depth: usize| {
        out.push(b'\n');
        out.resize(out.len() + depth * 2, b' ');
    };
    for (at, &byte) in json.iter().enumerate() {
        if in_text {
            out.push(byte);
            in_text = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => {}
            b'{' | b'[' => {
                out.push(byte);
                let next = json[at + 1..].iter().find(|byte| !byte.is_ascii_whitespace());
                depth += 1;
                if !matches!(next, Some(b'}' | b']')) {
                    line(&mut out, depth);
                }
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if !matches!(out.last(), Some(b'{' | b'[')) {
                    line(&mut out, depth);
                }
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                line(&mut out, depth);
            }
            b':' => out.extend(b": "),
            _ => {
                in_text = byte == b'"';
                out.push(byte);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use autoclave_fhir::json::Node;

    use super::*;

    #[test]
    fn a_bundle_is_json_and_keeps_resources_byte_by_byte() {
        let head = Head {
            kind: "searchset",
            at: 0,
            total: Some(1),
            links: &[("self", "http://x/Patient?a=\"".to_owned()), ("next", "n".to_owned())],
        };
        let resource = br#"{"resourceType":"Patient", "x": 1.50}"#;
        let mut writer = Writer::new(&head, 0);
        writer.entry(&Entry {
            full_url: Some("http://x/Patient/7"),
            resource: Some(resource),
            mode: Some("match"),
            request: Some(("PUT", "Patient/7")),
            response: Some(EntryResponse {
                status: "200",
                version: Some(3),
                modified: Some(0),
                ..EntryResponse::default()
            }),
        });
        writer.entry(&Entry { mode: Some("outcome"), ..Entry::default() });
        let bytes = writer.finish();
        assert!(bytes.windows(resource.len()).any(|window| window == resource));
        let node = Node::parse(&bytes).unwrap();
        assert_eq!(node.get("total").unwrap().number(), Some("1"));
        let entry = &node.get("entry").unwrap().items()[0];
        assert_eq!(entry.at(&["response", "etag"]).unwrap().text(), Some("W/\"3\""));
        assert_eq!(entry.at(&["search", "mode"]).unwrap().text(), Some("match"));
        assert_eq!(node.get("entry").unwrap().items().len(), 2);
        let empty = Writer::new(&Head { links: &[], total: Some(0), ..head }, 0).finish();
        assert!(Node::parse(&empty).unwrap().get("entry").is_none());
    }

    #[test]
    fn pretty_says_the_same_in_more_lines() {
        let json = br#"{"a":[1,{"b":"x\"{,\\"}],"c":{},"d":[ ]}"#;
        let out = pretty(json);
        assert!(Node::parse(&out).unwrap() == Node::parse(json).unwrap());
        let expected = "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"x\\\"{,\\\\\"\n    }\n  ],\n  \"c\": {},\n  \"d\": []\n}";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
