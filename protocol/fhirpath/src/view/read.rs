//! A `ViewDefinition` from its resource. It belongs to `view`.

use autoclave_fhir::Definitions;
use autoclave_fhir::json::Node;

use super::{Column, Constant, Each, Selection, View, ViewRefusal};
use crate::evaluate::Expression;
use crate::syntax::Ast;

/// Selections one inside the other.
const DEEP_MAX: usize = 16;
/// Columns of one view.
const COLUMNS_MAX: usize = 1024;
/// Bytes of a column's name: what databases take.
const NAME_BYTES_MAX: usize = 63;
/// Names that every expression knows.
const KNOWN: [&str; 7] =
    ["rowIndex", "resource", "rootResource", "context", "sct", "loinc", "ucum"];

pub(super) fn view(node: &Node<'_>) -> Result<View, ViewRefusal> {
    let resource = node.text_of("resource").ok_or(ViewRefusal::Shape("resource"))?;
    let kind = resource.parse().map_err(|_| ViewRefusal::Resource)?;
    let constants = list(node, "constant")?.iter().map(constant).collect::<Result<Vec<_>, _>>()?;
    let reader = Reader { constants: &constants };
    let mut conditions = Vec::new();
    for condition in list(node, "where")? {
        conditions.push(reader.path(condition.get("path"), "where.path")?);
    }
    let selections = reader.selections(node, "select", 0)?;
    if selections.is_empty() {
        return Err(ViewRefusal::Shape("select"));
    }
    let mut columns = Vec::new();
    for selection in &selections {
        gather(selection, &mut columns);
    }
    if columns.is_empty() {
        return Err(ViewRefusal::Shape("column"));
    }
    if columns.len() > COLUMNS_MAX {
        return Err(ViewRefusal::Size);
    }
    let mut names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(ViewRefusal::Name);
    }
    let name = node.text_of("name").map(str::to_owned);
    Ok(View { kind, name, constants, conditions, selections, columns })
}

/// A member that is an array of objects, or absent.
fn list<'s, 'a>(node: &'s Node<'a>, name: &'static str) -> Result<&'s [Node<'a>], ViewRefusal> {
    match node.get(name) {
        None => Ok(&[]),
        Some(Node::List(items)) => {
            let objects = items.iter().all(|item| matches!(item, Node::Object(_)));
            if objects { Ok(items) } else { Err(ViewRefusal::Shape(name)) }
        }
        Some(_) => Err(ViewRefusal::Shape(name)),
    }
}

/// The columns of a selection, as its cells stand.
fn gather(selection: &Selection, columns: &mut Vec<Column>) {
    columns.extend(selection.columns.iter().map(|(column, _)| column.clone()));
    for inner in &selection.selections {
        gather(inner, columns);
    }
    if let Some(first) = selection.union.first() {
        gather(first, columns);
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.len() <= NAME_BYTES_MAX
}

fn constant(node: &Node<'_>) -> Result<Constant, ViewRefusal> {
    let wrong = ViewRefusal::Shape("constant");
    let name = node.text_of("name").filter(|name| is_name(name)).ok_or(wrong)?;
    let mut values = node.members().iter().filter_map(|(name, value)| {
        let suffix = name.strip_prefix("value")?;
        let (first, rest) = suffix.split_at_checked(1)?;
        let kind = Definitions::r4().of(&format!("{}{rest}", first.to_ascii_lowercase()))?;
        Some((kind, value))
    });
    match (values.next(), values.next()) {
        (Some((kind, value)), None) => {
            Ok(Constant { name: name.to_owned(), node: value.clone().into_owned(), kind })
        }
        _ => Err(wrong),
    }
}

struct Reader<'s> {
    constants: &'s [Constant],
}

impl Reader<'_> {
    fn path(&self, node: Option<&Node<'_>>, what: &'static str) -> Result<Expression, ViewRefusal> {
        let text = node.and_then(Node::text).ok_or(ViewRefusal::Shape(what))?;
        let expression = Expression::parse(text)?;
        if self.defined(expression.ast(), &mut Vec::new()) {
            Ok(expression)
        } else {
            Err(ViewRefusal::Constant)
        }
    }

    /// Whether every `%name` of an expression means something.
    fn defined<'t>(&self, ast: &'t Ast, given: &mut Vec<&'t str>) -> bool {
        let mut inner = |ast: &'t Ast| self.defined(ast, given);
        match ast {
            Ast::Variable(name) => {
                KNOWN.contains(&&**name)
                    || name.starts_with("vs-")
                    || name.starts_with("ext-")
                    || self.constants.iter().any(|constant| constant.name == **name)
                    || given.contains(&&**name)
            }
            Ast::Member { of, .. }
            | Ast::Is { of, .. }
            | Ast::As { of, .. }
            | Ast::OfType { of, .. } => of.as_deref().is_none_or(inner),
            Ast::At { of, index } => inner(of) && inner(index),
            Ast::Plus(of) | Ast::Minus(of) => inner(of),
            Ast::Binary { left, right, .. } => inner(left) && inner(right),
            Ast::Call { of, function, arguments } => {
                let before = of.as_deref().is_none_or(&mut inner) && arguments.iter().all(inner);
                if function.name() == "defineVariable"
                    && let Some(Ast::Literal(crate::Literal::String(name))) = arguments.first()
                {
                    given.push(name);
                }
                before
            }
            _ => true,
        }
    }

    fn selections(
        &self,
        node: &Node<'_>,
        name: &'static str,
        deep: usize,
    ) -> Result<Vec<Selection>, ViewRefusal> {
        if deep > DEEP_MAX {
            return Err(ViewRefusal::Size);
        }
        list(node, name)?.iter().map(|node| self.selection(node, deep)).collect()
    }

    fn selection(&self, node: &Node<'_>, deep: usize) -> Result<Selection, ViewRefusal> {
        let each = self.each(node)?;
        let mut columns = Vec::new();
        for column in list(node, "column")? {
            columns.push(self.column(column)?);
        }
        let selections = self.selections(node, "select", deep + 1)?;
        let union = self.selections(node, "unionAll", deep + 1)?;
        let names = |selection: &Selection| {
            let mut columns = Vec::new();
            gather(selection, &mut columns);
            columns.into_iter().map(|column| column.name).collect::<Vec<_>>()
        };
        if union.windows(2).any(|pair| names(&pair[0]) != names(&pair[1])) {
            return Err(ViewRefusal::Union);
        }
        let inner: usize = selections.iter().map(|selection| selection.width).sum();
        let width = columns.len() + inner + union.first().map_or(0, |first| first.width);
        Ok(Selection { each, columns, selections, union, width })
    }

    fn each(&self, node: &Node<'_>) -> Result<Each, ViewRefusal> {
        let ways = ["forEach", "forEachOrNull", "repeat"].map(|name| node.get(name));
        match ways {
            [None, None, None] => Ok(Each::Once),
            [path @ Some(_), None, None] => Ok(Each::Item(self.path(path, "forEach")?)),
            [None, path @ Some(_), None] => Ok(Each::ItemOrNull(self.path(path, "forEachOrNull")?)),
            [None, None, Some(Node::List(paths))] if !paths.is_empty() => {
                let paths = paths.iter().map(|path| self.path(Some(path), "repeat"));
                Ok(Each::Repeat(paths.collect::<Result<_, _>>()?))
            }
            _ => Err(ViewRefusal::Shape("forEach")),
        }
    }

    fn column(&self, node: &Node<'_>) -> Result<(Column, Expression), ViewRefusal> {
        let name = node.text_of("name").ok_or(ViewRefusal::Shape("column.name"))?;
        if !is_name(name) {
            return Err(ViewRefusal::Name);
        }
        let collection = match node.get("collection") {
            None => false,
            Some(given) => given.bool().ok_or(ViewRefusal::Shape("column.collection"))?,
        };
        let kind = node.text_of("type").map(str::to_owned);
        let path = self.path(node.get("path"), "column.path")?;
        Ok((Column { name: name.to_owned(), kind, collection }, path))
    }
}
