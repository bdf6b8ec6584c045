//! The walk over an expression's tree, and which part of it each function's arguments see.
//! It belongs to `evaluate`.

use std::cell::{Cell, RefCell};

use autoclave_fhir::json::Node;

use super::call::Call;
use super::{
    EvaluationRefusal, arithmetic, bag, collections, compare, equality, logic, navigate, types,
};
use crate::context::Context;
use crate::item::{Item, Quantity, Value};
use crate::syntax::{Ast, Function, Literal, Operator};

/// Steps of one evaluation: about a second on a slow machine.
pub(super) const STEPS_MAX: u64 = 2_000_000;
/// Steps one inside the other.
const DEPTH_MAX: usize = 160;
/// Items of one collection.
pub(super) const ITEMS_MAX: usize = 200_000;

/// Names that always mean something, and nothing else.
const OWN_NAMES: [&str; 7] =
    ["context", "resource", "rootResource", "rowIndex", "sct", "loinc", "ucum"];

/// A collection, or why there is none.
pub(super) type Found<'a> = Result<Vec<Item<'a>>, EvaluationRefusal>;
/// Names that `defineVariable` gave.
type Names<'a> = Vec<(Box<str>, Vec<Item<'a>>)>;

/// One evaluation.
pub(super) struct Evaluator<'a> {
    pub(super) context: &'a Context<'a>,
    /// What `%resource` means.
    pub(super) resource: Option<&'a Node<'a>>,
    /// What the expression is evaluated on.
    on: Item<'a>,
    /// Of a view, the row.
    row: Option<usize>,
    names: RefCell<Names<'a>>,
    steps: Cell<u64>,
    most: u64,
    depth: Cell<usize>,
}

/// Where an evaluation starts, and how many steps it may take.
pub(super) struct Start<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) on: Item<'a>,
    pub(super) row: Option<usize>,
    pub(super) most: u64,
}

/// What `$this`, `$index` and `$total` mean at one place.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s, 'a> {
    pub(super) this: &'s [Item<'a>],
    pub(super) index: Option<usize>,
    pub(super) total: Option<&'s [Item<'a>]>,
    /// Whether `this` is what the whole expression is evaluated on: there a path may begin
    /// with a type's name.
    top: bool,
}

impl<'s, 'a> Scope<'s, 'a> {
    /// The scope of a whole expression.
    pub(super) const fn of(this: &'s [Item<'a>]) -> Self {
        Self { this, index: None, total: None, top: true }
    }

    /// The scope of an argument that is evaluated for one item.
    pub(super) const fn item(self, this: &'s [Item<'a>], index: usize) -> Self {
        Self { this, index: Some(index), total: self.total, top: self.top }
    }

    /// The same with another `$this`.
    pub(super) const fn this(self, this: &'s [Item<'a>]) -> Self {
        Self { this, ..self }
    }
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(start: Start<'a>) -> Self {
        let Start { context, on, row, most } = start;
        Self {
            context,
            resource: context.resource.or_else(|| on.node()),
            on,
            row,
            names: RefCell::default(),
            steps: Cell::new(0),
            most,
            depth: Cell::new(0),
        }
    }

    /// Steps taken so far.
    pub(super) fn steps(&self) -> u64 {
        self.steps.get()
    }

    /// Counts steps; work that is more than one step says how much.
    pub(super) fn step(&self, count: usize) -> Result<(), EvaluationRefusal> {
        let steps = self.steps.get().saturating_add(count as u64);
        self.steps.set(steps);
        if steps > self.most { Err(EvaluationRefusal::Steps) } else { Ok(()) }
    }

    /// The collection that a part of an expression results in.
    pub(super) fn evaluate(&self, ast: &'a Ast, scope: &Scope<'_, 'a>) -> Found<'a> {
        self.step(1)?;
        let depth = self.depth.get();
        if depth >= DEPTH_MAX {
            return Err(EvaluationRefusal::Depth);
        }
        self.depth.set(depth + 1);
        let found = self.part(ast, scope);
        self.depth.set(depth);
        let found = found?;
        if found.len() > ITEMS_MAX { Err(EvaluationRefusal::Size) } else { Ok(found) }
    }

    fn part(&self, ast: &'a Ast, scope: &Scope<'_, 'a>) -> Found<'a> {
        match ast {
            Ast::Empty => Ok(Vec::new()),
            Ast::Literal(literal) => Ok(vec![of_literal(literal)]),
            Ast::This => Ok(scope.this.to_vec()),
            Ast::Index => index(scope),
            Ast::Total => Ok(scope.total.unwrap_or_default().to_vec()),
            Ast::Variable(name) => self.variable(name),
            Ast::Member { of, name } => self.member(of.as_deref(), name, scope),
            Ast::Call { of, function, arguments } => {
                self.call(of.as_deref(), *function, arguments, scope)
            }
            Ast::At { of, index } => self.at(of, index, scope),
            Ast::Is { of, what } => {
                let found = self.focus(of.as_deref(), scope)?;
                types::is(&found, what)
            }
            Ast::As { of, what } => {
                let found = self.focus(of.as_deref(), scope)?;
                types::as_type(found, what, self.context.strict)
            }
            Ast::OfType { of, what } => {
                let found = self.focus(of.as_deref(), scope)?;
                types::of_type(found, what)
            }
            Ast::Plus(of) => arithmetic::sign(&self.evaluate(of, scope)?, false),
            Ast::Minus(of) => arithmetic::sign(&self.evaluate(of, scope)?, true),
            Ast::Binary { operator, left, right } => self.binary(*operator, left, right, scope),
        }
    }

    /// What a function without anything before it starts from.
    fn focus(&self, of: Option<&'a Ast>, scope: &Scope<'_, 'a>) -> Found<'a> {
        match of {
            Some(of) => self.evaluate(of, scope),
            None => Ok(scope.this.to_vec()),
        }
    }

    fn member(&self, of: Option<&'a Ast>, name: &str, scope: &Scope<'_, 'a>) -> Found<'a> {
        let mut found = Vec::new();
        let Some(of) = of else {
            // No element's name begins with a capital letter: this is a type's.
            if scope.top && name.starts_with(|first: char| first.is_ascii_uppercase()) {
                let all = scope.this.iter();
                found.extend(all.filter(|item| types::is_named(item, name)).cloned());
                if found.is_empty() && self.context.strict && !scope.this.is_empty() {
                    return Err(EvaluationRefusal::UnknownElement);
                }
                return Ok(found);
            }
            for item in scope.this {
                navigate::named(item, name, self.context.strict, &mut found)?;
            }
            return Ok(found);
        };
        for item in self.evaluate(of, scope)? {
            self.step(1)?;
            navigate::named(&item, name, self.context.strict, &mut found)?;
        }
        Ok(found)
    }

    fn at(&self, of: &'a Ast, index: &'a Ast, scope: &Scope<'_, 'a>) -> Found<'a> {
        let mut found = self.evaluate(of, scope)?;
        let at = self.evaluate(index, scope)?;
        let Some(at) = arithmetic::integer(&at)? else { return Ok(Vec::new()) };
        Ok(match usize::try_from(at) {
            Ok(at) if at < found.len() => vec![found.swap_remove(at)],
            _ => Vec::new(),
        })
    }

    fn binary(
        &self,
        operator: Operator,
        left: &'a Ast,
        right: &'a Ast,
        scope: &Scope<'_, 'a>,
    ) -> Found<'a> {
        // What one side defines is not the other's to use.
        let names = self.names();
        let first = self.evaluate(left, scope)?;
        self.forget(names);
        if let Some(decided) = logic::decided(operator, &first)? {
            return Ok(vec![decided.into()]);
        }
        let second = self.evaluate(right, scope)?;
        self.forget(names);
        match operator {
            Operator::And | Operator::Or | Operator::Xor | Operator::Implies => {
                logic::combine(operator, &first, &second)
            }
            Operator::Union => {
                let mut all = first;
                all.extend(second);
                bag::distinct(self, all)
            }
            Operator::Equal => Ok(equality::answer(equality::equal(self, &first, &second)?, false)),
            Operator::NotEqual => {
                Ok(equality::answer(equality::equal(self, &first, &second)?, true))
            }
            Operator::Equivalent => Ok(vec![equality::equivalent(self, &first, &second)?.into()]),
            Operator::NotEquivalent => {
                Ok(vec![(!equality::equivalent(self, &first, &second)?).into()])
            }
            Operator::In => equality::is_in(self, &first, &second),
            Operator::Contains => equality::is_in(self, &second, &first),
            Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual => compare::operator(operator, &first, &second),
            _ => arithmetic::operator(operator, &first, &second),
        }
    }

    fn variable(&self, name: &str) -> Found<'a> {
        let given = self.names.borrow();
        if let Some((_, items)) = given.iter().rev().find(|(own, _)| **own == *name) {
            return Ok(items.clone());
        }
        if let Some((_, items)) = self.context.variables.iter().find(|(own, _)| **own == *name) {
            return Ok(items.clone());
        }
        let text = match name {
            "context" => return Ok(vec![self.on.clone()]),
            "resource" => return Ok(self.resource.map(Item::from).into_iter().collect()),
            "rowIndex" => {
                let row = self.row.ok_or(EvaluationRefusal::Variable)?;
                return Ok(vec![collections::count(row)?.into()]);
            }
            "rootResource" => {
                let root = self.context.container.or(self.resource);
                return Ok(root.map(Item::from).into_iter().collect());
            }
            "sct" => "http://snomed.info/sct".to_owned(),
            "loinc" => "http://loinc.org".to_owned(),
            "ucum" => "http://unitsofmeasure.org".to_owned(),
            _ => match (name.strip_prefix("vs-"), name.strip_prefix("ext-")) {
                (Some(set), _) => format!("http://hl7.org/fhir/ValueSet/{set}"),
                (_, Some(extension)) => {
                    format!("http://hl7.org/fhir/StructureDefinition/{extension}")
                }
                _ => return Err(EvaluationRefusal::Variable),
            },
        };
        Ok(vec![Item::string(text)])
    }

    /// Gives a name to a collection, for the rest of the evaluation.
    pub(super) fn define(&self, name: &str, items: Vec<Item<'a>>) -> Result<(), EvaluationRefusal> {
        let mut names = self.names.borrow_mut();
        let known = self.context.variables.iter().any(|(own, _)| **own == *name);
        let taken = known || OWN_NAMES.contains(&name);
        if taken || names.iter().any(|(own, _)| **own == *name) || names.len() >= DEPTH_MAX {
            return Err(EvaluationRefusal::Variable);
        }
        names.push((name.into(), items));
        Ok(())
    }

    /// How many names there are, and back to that many: what an argument defines ends with it.
    pub(super) fn names(&self) -> usize {
        self.names.borrow().len()
    }

    /// See [`Evaluator::names`].
    pub(super) fn forget(&self, names: usize) {
        self.names.borrow_mut().truncate(names);
    }

    fn call(
        &self,
        of: Option<&'a Ast>,
        function: Function,
        arguments: &'a [Ast],
        scope: &Scope<'_, 'a>,
    ) -> Found<'a> {
        let input = self.focus(of, scope)?;
        self.step(input.len())?;
        let call = Call { evaluator: self, function, input, arguments, scope };
        call.answer()
    }
}

fn index<'a>(scope: &Scope<'_, 'a>) -> Found<'a> {
    let Some(index) = scope.index else { return Err(EvaluationRefusal::Variable) };
    Ok(vec![i32::try_from(index).map_err(|_| EvaluationRefusal::Number)?.into()])
}

fn of_literal(literal: &Literal) -> Item<'_> {
    Item::Value(match literal {
        Literal::Boolean(truth) => Value::Boolean(*truth),
        Literal::String(text) => Value::String(text.as_ref().into()),
        Literal::Integer(number) => Value::Integer(*number),
        Literal::Decimal(number) => Value::Decimal(*number),
        Literal::Date(date) => Value::Date(*date),
        Literal::DateTime(moment) => Value::DateTime(*moment),
        Literal::Time(time) => Value::Time(*time),
        Literal::Quantity { value, unit, calendar } => Value::Quantity(Quantity {
            value: *value,
            unit: unit.as_ref().into(),
            calendar: *calendar,
        }),
    })
}
