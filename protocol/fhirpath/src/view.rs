//! Views of SQL on FHIR (version 2): tables made of resources by a `ViewDefinition`. It belongs
//! to the crate. A view is checked once, when it is read; its rows are somebody's record, in
//! cells of JSON that keep the digits of numbers.

mod read;
mod rows;
mod write;

use autoclave_fhir::Kind;
use autoclave_fhir::definitions::Type;
use autoclave_fhir::json::Node;

pub use write::{csv_head, write_csv, write_json};

use crate::evaluate::{EvaluationRefusal, Expression};
use crate::syntax::ParseRefusal;

/// Why a `ViewDefinition` is none, or has no rows of a resource. It never says a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ViewRefusal {
    /// A part that is missing, or of another shape than the specification says.
    #[error("a view lacks `{0}`, or has it in another shape")]
    Shape(&'static str),
    /// `resource` is no resource type of R4.
    #[error("a view of no resource type of FHIR R4")]
    Resource,
    /// A path that is no expression.
    #[error("a path of the view: {0}")]
    Path(#[from] ParseRefusal),
    /// A path that uses `%name` where no constant has that name.
    #[error("a path of the view uses a constant that is not defined")]
    Constant,
    /// A column's name that is no name of SQL, or that another column has.
    #[error("a column's name is no name of SQL, or stands twice")]
    Name,
    /// Parts of a union that have other columns, or in another order.
    #[error("the parts of a union do not have the same columns")]
    Union,
    /// More columns, or deeper selections, than a view may have.
    #[error("too large a view")]
    Size,
    /// An expression that has no result for a resource.
    #[error("a path of the view: {0}")]
    Evaluation(#[from] EvaluationRefusal),
    /// A condition that is neither true nor false.
    #[error("a condition of the view is neither true nor false")]
    Condition,
    /// More than one value in a column that is no collection.
    #[error("more than one value in a column that is no collection")]
    Many,
    /// A value that is no primitive: a table has no cell for it.
    #[error("a column of values that are not primitive")]
    Complex,
    /// More rows of one resource than a view may have.
    #[error("too many rows of one resource")]
    Rows,
}

/// A column of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The FHIR type of its values, where the view says it.
    pub kind: Option<String>,
    /// Whether a cell is a list of values.
    pub collection: bool,
}

/// A row: one cell for each column, a boolean, number, string, list or null of JSON.
pub type Row = Vec<Node<'static>>;

/// A `ViewDefinition`, read and checked.
pub struct View {
    kind: Kind,
    name: Option<String>,
    constants: Vec<Constant>,
    conditions: Vec<Expression>,
    selections: Vec<Selection>,
    columns: Vec<Column>,
}

/// A value that paths call by its name.
struct Constant {
    name: String,
    node: Node<'static>,
    kind: &'static Type,
}

/// A part of a view, evaluated for each of the items that it is for.
struct Selection {
    each: Each,
    columns: Vec<(Column, Expression)>,
    selections: Vec<Selection>,
    union: Vec<Selection>,
    /// How many cells it makes, with those of its parts.
    width: usize,
}

/// For what a selection is evaluated.
enum Each {
    /// For what is around it.
    Once,
    /// For every item that a path finds; none, no row.
    Item(Expression),
    /// The same; none, one row of nulls.
    ItemOrNull(Expression),
    /// For every item that paths find, and those that they find from there, and so on.
    Repeat(Vec<Expression>),
}

impl View {
    /// Reads and checks a `ViewDefinition`.
    pub fn parse(node: &Node<'_>) -> Result<Self, ViewRefusal> {
        read::view(node)
    }

    /// The type of resource that it is of.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Its name, where it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Its columns, in the order of the cells.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The rows that one resource makes; none for one of another type.
    pub fn rows(&self, resource: &Node<'_>) -> Result<Vec<Row>, ViewRefusal> {
        rows::of(self, resource)
    }
}

#[cfg(test)]
#[path = "view/tests.rs"]
mod tests;
