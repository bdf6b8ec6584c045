//! The rows that a resource makes. It belongs to `view`. What stands side by side multiplies,
//! what stands in a union adds.

use std::cell::Cell;

use autoclave_fhir::json::Node;

use super::{Column, Each, Row, Selection, View, ViewRefusal};
use crate::context::Context;
use crate::evaluate::Expression;
use crate::item::{Item, Value};

/// Rows of one resource.
const ROWS_MAX: usize = 50_000;
/// Cells of one resource's rows.
const CELLS_MAX: usize = 2_000_000;
/// Steps that all paths of a view may take over one resource.
const STEPS_MAX: u64 = 20_000_000;
/// Items that `repeat` finds.
const REPEATED_MAX: usize = 20_000;

pub(super) fn of(view: &View, resource: &Node<'_>) -> Result<Vec<Row>, ViewRefusal> {
    if resource.text_of("resourceType") != Some(view.kind().name()) {
        return Ok(Vec::new());
    }
    let mut context = Context::default().resource(resource);
    for constant in &view.constants {
        let item = Item::element(&constant.node, None, constant.kind);
        context = context.variable(&constant.name, vec![item]);
    }
    let (context, root) = (context, Item::from(resource));
    let maker = Maker { context: &context, left: Cell::new(STEPS_MAX) };
    for condition in &view.conditions {
        if !maker.holds(condition, &root)? {
            return Ok(Vec::new());
        }
    }
    let mut rows = vec![Row::new()];
    for selection in &view.selections {
        rows = product(&rows, maker.selection(selection, &root, 0)?)?;
    }
    Ok(rows)
}

/// Every row of the left with every row of the right.
fn product(left: &[Row], right: Vec<Row>) -> Result<Vec<Row>, ViewRefusal> {
    let count = left.len().saturating_mul(right.len());
    let width = left.first().map_or(0, Vec::len) + right.first().map_or(0, Vec::len);
    if count > ROWS_MAX || count.saturating_mul(width) > CELLS_MAX {
        return Err(ViewRefusal::Rows);
    }
    if let [one] = left
        && one.is_empty()
    {
        return Ok(right);
    }
    let pairs = left.iter().flat_map(|left| right.iter().map(move |right| (left, right)));
    Ok(pairs.map(|(left, right)| [left.as_slice(), right.as_slice()].concat()).collect())
}

struct Maker<'a> {
    context: &'a Context<'a>,
    /// Steps that are left to the paths of the view.
    left: Cell<u64>,
}

impl<'a> Maker<'a> {
    fn found(
        &self,
        path: &'a Expression,
        on: &Item<'a>,
        row: usize,
    ) -> Result<Vec<Item<'a>>, ViewRefusal> {
        Ok(path.evaluate_within(on.clone(), self.context, Some(row), &self.left)?)
    }

    fn holds(&self, condition: &'a Expression, root: &Item<'a>) -> Result<bool, ViewRefusal> {
        match self.found(condition, root, 0)?.as_slice() {
            [] => Ok(false),
            [one] => one.truth().ok_or(ViewRefusal::Condition),
            _ => Err(ViewRefusal::Condition),
        }
    }

    fn selection(
        &self,
        selection: &'a Selection,
        focus: &Item<'a>,
        row: usize,
    ) -> Result<Vec<Row>, ViewRefusal> {
        let found = match &selection.each {
            Each::Once => return self.parts(selection, focus, row),
            Each::Item(path) | Each::ItemOrNull(path) => self.found(path, focus, row)?,
            Each::Repeat(paths) => self.repeated(paths, focus, row)?,
        };
        if found.is_empty() && matches!(selection.each, Each::ItemOrNull(_)) {
            return Ok(vec![vec![Node::Null; selection.width]]);
        }
        let mut rows = Vec::new();
        for (row, item) in found.iter().enumerate() {
            rows.extend(self.parts(selection, item, row)?);
            if rows.len() > ROWS_MAX {
                return Err(ViewRefusal::Rows);
            }
        }
        Ok(rows)
    }

    fn repeated(
        &self,
        paths: &'a [Expression],
        focus: &Item<'a>,
        row: usize,
    ) -> Result<Vec<Item<'a>>, ViewRefusal> {
        let mut found = Vec::new();
        // In the order of the document: what lies inside an item follows it.
        let mut open = vec![focus.clone()];
        let mut is_focus = true;
        while let Some(item) = open.pop() {
            let mut inner = Vec::new();
            for path in paths {
                inner.extend(self.found(path, &item, row)?);
            }
            if !is_focus {
                found.push(item);
            }
            is_focus = false;
            open.extend(inner.into_iter().rev());
            if found.len() + open.len() > REPEATED_MAX {
                return Err(ViewRefusal::Rows);
            }
        }
        Ok(found)
    }

    /// The rows of a selection for one item.
    fn parts(
        &self,
        selection: &'a Selection,
        item: &Item<'a>,
        row: usize,
    ) -> Result<Vec<Row>, ViewRefusal> {
        let mut cells = Row::with_capacity(selection.columns.len());
        for (column, path) in &selection.columns {
            cells.push(cell(column, &self.found(path, item, row)?)?);
        }
        let mut rows = vec![cells];
        for inner in &selection.selections {
            rows = product(&rows, self.selection(inner, item, row)?)?;
        }
        if !selection.union.is_empty() {
            let mut all = Vec::new();
            for part in &selection.union {
                all.extend(self.selection(part, item, row)?);
            }
            rows = product(&rows, all)?;
        }
        Ok(rows)
    }
}

fn cell(column: &Column, found: &[Item<'_>]) -> Result<Node<'static>, ViewRefusal> {
    if column.collection {
        let values = found.iter().filter_map(|item| value(item).transpose());
        let values = values.collect::<Result<Vec<_>, _>>()?;
        return Ok(Node::List(values));
    }
    match found {
        [] => Ok(Node::Null),
        [one] => Ok(value(one)?.unwrap_or(Node::Null)),
        _ => Err(ViewRefusal::Many),
    }
}

/// An item as a cell; `None` where it has no value but only extensions.
fn value(item: &Item<'_>) -> Result<Option<Node<'static>>, ViewRefusal> {
    match item {
        Item::Element(element) => match element.node() {
            None => Ok(None),
            Some(Node::Object(_) | Node::List(_)) => Err(ViewRefusal::Complex),
            Some(node) => Ok(Some(node.clone().into_owned())),
        },
        Item::Value(value) => Ok(Some(match value {
            Value::Boolean(truth) => Node::Bool(*truth),
            Value::Integer(number) => Node::Number(number.to_string().into()),
            Value::Decimal(number) => Node::Number(number.to_string().into()),
            Value::Quantity(_) | Value::Type { .. } => return Err(ViewRefusal::Complex),
            other => Node::from_text(other.text()),
        })),
    }
}
