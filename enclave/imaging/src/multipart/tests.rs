use super::*;

const MAX: usize = 64;

fn parts(body: &[u8], chunk: usize) -> Result<Vec<Part>, MultipartFlaw> {
    let mut parser = Parser::new("b-1", MAX)?;
    let mut parts = Vec::new();
    for chunk in body.chunks(chunk) {
        parser.push(chunk);
        while let Some(part) = parser.next_part()? {
            parts.push(part);
        }
    }
    parser.finish()?;
    Ok(parts)
}

#[test]
fn parts_are_read_however_the_body_is_cut() {
    let body = b"preamble\r\n--b-1\r\ncontent-type: Application/DICOM; x=1\r\nContent-Length: 9\r\n\r\none\r\n--b-\r\n--b-1  \r\n\r\ntwo\r\n--b-1\r\nContent-Type: a/b\r\n\r\n\r\n--b-1--\r\nepilogue";
    for chunk in 1..body.len() {
        let parts = parts(body, chunk).unwrap();
        let read: Vec<_> =
            parts.iter().map(|part| (part.media_type.as_str(), part.body.as_slice())).collect();
        let expected: [(&str, &[u8]); 3] =
            [("application/dicom", b"one\r\n--b-"), ("", b"two"), ("a/b", b"")];
        assert_eq!(read, expected, "{chunk}");
    }
}

#[test]
fn a_body_may_begin_with_its_boundary() {
    assert_eq!(parts(b"--b-1\r\n\r\nx\r\n--b-1--", 3).unwrap().len(), 1);
    assert!(parts(b"--b-1--", 3).unwrap().is_empty());
}

#[test]
fn bodies_that_lie_are_refused() {
    let long = [b"--b-1\r\n\r\n".as_slice(), &[b'x'; 200], b"\r\n--b-1--"].concat();
    let headers = [b"--b-1\r\n".as_slice(), &[b'x'; 5000], b"\r\n\r\n\r\n--b-1--"].concat();
    let cases: [(&[u8], MultipartFlaw); 6] = [
        (b"", MultipartFlaw::Cut),
        (b"--b-1\r\n\r\nx", MultipartFlaw::Cut),
        (b"--b-1\r\n\r\nx\r\n--b-1", MultipartFlaw::Cut),
        (b"--b-1x\r\n\r\n\r\n--b-1--", MultipartFlaw::Headers),
        (&headers, MultipartFlaw::Headers),
        (&long, MultipartFlaw::Size),
    ];
    for (body, why) in cases {
        for chunk in [1, 7, 10_000] {
            assert_eq!(parts(body, chunk).err(), Some(why));
        }
    }
    for boundary in ["", "a\r\nb", "a ", &"a".repeat(201)] {
        assert_eq!(Parser::new(boundary, MAX).err(), Some(MultipartFlaw::Boundary));
    }
}

#[test]
fn what_is_written_is_read() {
    let mut body = part_head("b-1", "application/dicom", Some("https://x/1"));
    body.push_str("abc");
    body.push_str(&part_head("b-1", "image/png", None));
    body.push_str(&close("b-1"));
    let read = parts(body.as_bytes(), 5).unwrap();
    assert_eq!(
        (read[0].body.as_slice(), read[1].media_type.as_str()),
        (b"abc".as_slice(), "image/png")
    );
}
