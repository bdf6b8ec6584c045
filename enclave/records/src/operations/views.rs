//! `$viewdefinition-run`: a table of resources, after SQL on FHIR 2. The view is in the request;
//! rows are made of what the caller may meet, resource by resource, and leave as CSV or NDJSON.

use autoclave_fhir::Kind;
use autoclave_fhirpath::view::{View, csv_head, write_csv, write_json};
use autoclave_record::consent::Act;
use autoclave_search::{Filter, Page};
use futures::future::BoxFuture;
use http::StatusCode;

use super::asked::Asked;
use super::reach::Reach;
use super::reply;
use super::run::{blocking, fault};
use crate::server::{Call, Called, Fault, FhirRequest, Operation, Place, Server};

/// Resources that are opened at once.
const PAGE: u32 = 500;
/// Rows of one answer.
const ROWS_MAX: usize = 100_000;
/// Bytes of one answer.
const BYTES_MAX: usize = 64 << 20;

/// The operation.
pub(super) struct Views;

/// How rows are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv { has_head: bool },
    NdJson,
    Json,
}

impl Operation for Views {
    fn name(&self) -> &'static str {
        "viewdefinition-run"
    }

    fn places(&self) -> Vec<Place> {
        vec![Place::System]
    }

    fn changes(&self) -> bool {
        false
    }

    fn definition(&self) -> &'static str {
        "http://sql-on-fhir.org/OperationDefinition/$viewdefinition-run"
    }

    fn call<'a>(
        &'a self,
        server: &'a Server,
        call: Call<'a>,
    ) -> BoxFuture<'a, Result<Called, Fault>> {
        let (server, caller, request) = (server.clone(), call.caller.clone(), call.request.clone());
        let granted = call.granted;
        Box::pin(blocking(move || {
            let reach = Reach::new(&server, &caller, granted, Act::Access)?;
            run(reach, &request)
        }))
    }
}

fn run(mut reach: Reach, request: &FhirRequest) -> Result<Called, Fault> {
    let asked = Asked::of(request)?;
    let node = asked
        .resource("viewResource")
        .ok_or_else(|| Fault::bad("view.missing", "A view is missing.").at("viewResource"))?;
    let view = View::parse(node)
        .map_err(|_| Fault::unprocessable("view.refused", "Not a view that can be made."))?;
    let kind = view.kind();
    let format = format(request, &asked)?;
    let limit = asked.number("_limit")?.and_then(|limit| usize::try_from(limit).ok());
    let mut table = Table { view, format, rows: 0, text: Vec::new() };
    table.begin();
    fill(&mut reach, kind, &mut table, limit.unwrap_or(ROWS_MAX).min(ROWS_MAX))?;
    let media = match format {
        Format::Csv { .. } => "text/csv; charset=utf-8",
        Format::NdJson => "application/x-ndjson",
        Format::Json => "application/json",
    };
    let answer = reply::bytes(StatusCode::OK, media, table.end());
    Ok(Called { answer, access: reach.access("viewdefinition-run", Some(kind)) })
}

fn format(request: &FhirRequest, asked: &Asked<'_>) -> Result<Format, Fault> {
    let accept = request.headers.get(http::header::ACCEPT);
    let accept = accept.and_then(|value| value.to_str().ok()).unwrap_or("");
    let has_head = asked.text("header") != Some("false");
    match asked.text("_format").unwrap_or(accept) {
        "csv" | "text/csv" => Ok(Format::Csv { has_head }),
        "json" | "application/json" => Ok(Format::Json),
        ""
        | "*/*"
        | "ndjson"
        | "application/ndjson"
        | "application/x-ndjson"
        | "application/fhir+json" => Ok(Format::NdJson),
        _ => Err(Fault::new(
            StatusCode::NOT_ACCEPTABLE,
            "not-supported",
            "view.format",
            "Views are CSV, NDJSON or JSON.",
        )
        .at("_format")),
    }
}

fn fill(reach: &mut Reach, kind: Kind, table: &mut Table, limit: usize) -> Result<(), Fault> {
    let filter = reach.filter(kind, Filter::Everything)?;
    let (store, tenant) = (reach.server.store().clone(), reach.caller.tenant);
    let mut page = Page::First;
    while table.rows < limit {
        let (last, opened) = store
            .read(tenant, |view| {
                let hits = view.search(kind, &filter, reach.visible.hidden(), &[], &page, PAGE)?;
                let rows: Vec<i64> = hits.iter().map(|hit| hit.row).collect();
                Ok((rows.last().copied(), view.open(&rows)?))
            })
            .map_err(fault)?;
        let Some(last) = last else { return Ok(()) };
        page = Page::After(last);
        for stored in opened {
            let Some(document) = &stored.document else { continue };
            let node = document.node().map_err(|_| Fault::internal("a stored resource"))?;
            if !reach.tells(&stored, &node) {
                continue;
            }
            let rows = table.view.rows(&node).map_err(|_| {
                Fault::unprocessable("view.failed", "The view cannot be made of some resource.")
            })?;
            for row in rows {
                if table.rows == limit {
                    return Ok(());
                }
                table.row(&row)?;
            }
        }
    }
    Ok(())
}

/// The answer as far as it is written.
struct Table {
    view: View,
    format: Format,
    rows: usize,
    text: Vec<u8>,
}

impl Table {
    fn begin(&mut self) {
        match self.format {
            Format::Csv { has_head: true } => csv_head(self.view.columns(), &mut self.text),
            Format::Json => self.text.push(b'['),
            _ => {}
        }
    }

    fn row(&mut self, row: &autoclave_fhirpath::view::Row) -> Result<(), Fault> {
        match self.format {
            Format::Csv { .. } => write_csv(row, &mut self.text),
            Format::NdJson => {
                write_json(self.view.columns(), row, &mut self.text);
                self.text.push(b'\n');
            }
            Format::Json => {
                if self.rows > 0 {
                    self.text.push(b',');
                }
                write_json(self.view.columns(), row, &mut self.text);
            }
        }
        self.rows += 1;
        if self.text.len() > BYTES_MAX {
            return Err(Fault::unprocessable("view.too_large", "The table is too large."));
        }
        Ok(())
    }

    fn end(mut self) -> Vec<u8> {
        if self.format == Format::Json {
            self.text.push(b']');
        }
        self.text
    }
}
