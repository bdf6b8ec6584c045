//! Rows as text: CSV (RFC 4180) and lines of JSON. It belongs to `view`.

use autoclave_fhir::json::{Node, write_text};

use super::{Column, Row};

/// Appends the names of columns as the first line of CSV.
pub fn csv_head(columns: &[Column], out: &mut Vec<u8>) {
    line(columns.iter().map(|column| column.name.as_bytes().to_vec()), out);
}

/// Appends a row as a line of CSV: a null is nothing, an empty string `""`, a list its JSON.
pub fn write_csv(row: &Row, out: &mut Vec<u8>) {
    let cells = row.iter().map(|cell| match cell {
        Node::Null => Vec::new(),
        Node::Text(text) if text.is_empty() => b"\"\"".to_vec(),
        Node::Text(text) => quoted(text.as_bytes()),
        Node::List(_) => quoted(&cell.to_bytes()),
        other => other.to_bytes(),
    });
    line(cells, out);
}

fn line(cells: impl Iterator<Item = Vec<u8>>, out: &mut Vec<u8>) {
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend(cell);
    }
    out.extend(b"\r\n");
}

fn quoted(text: &[u8]) -> Vec<u8> {
    let spaced = text.first() == Some(&b' ') || text.last() == Some(&b' ');
    if !spaced && !text.iter().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n')) {
        return text.to_vec();
    }
    let mut out = vec![b'"'];
    for byte in text {
        if *byte == b'"' {
            out.push(b'"');
        }
        out.push(*byte);
    }
    out.push(b'"');
    out
}

/// Appends a row as an object of JSON, without a line's end.
pub fn write_json(columns: &[Column], row: &Row, out: &mut Vec<u8>) {
    out.push(b'{');
    for (at, (column, cell)) in columns.iter().zip(row).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_text(&column.name, out);
        out.push(b':');
        cell.write(out);
    }
    out.push(b'}');
}
