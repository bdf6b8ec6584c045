//! Filters of many alternatives: a value set's codes, the keys of a page of matches. The
//! store's. `SQLite` reads no expression deeper than 1,000 and no union of more than 500: terms
//! of one parameter become one list, and what is left a tree.

use autoclave_fhir::Kind;
use autoclave_search::{Filter, Parameter};

use super::{Planner, Source};
use crate::store::{StoreError, index};

/// Subqueries of one union, below both engines' bounds.
const UNION_MAX: usize = 200;

/// Terms of one parameter and system.
type List = (Parameter, Option<i64>, Vec<i64>);

/// Lists of terms, and what is no term or alone of its parameter.
fn grouped(parts: &[Filter]) -> (Vec<List>, Vec<&Filter>) {
    let mut lists: Vec<(List, &Filter)> = Vec::new();
    let mut rest = Vec::new();
    for part in parts {
        let Filter::Term { parameter, term, system } = part else {
            rest.push(part);
            continue;
        };
        let is_same = |(of, _): &&mut (List, _)| of.0 == *parameter && of.1 == *system;
        match lists.iter_mut().rev().find(is_same) {
            Some(((_, _, terms), _)) => terms.push(*term),
            None => lists.push(((*parameter, *system, vec![*term]), part)),
        }
    }
    let (many, single): (Vec<_>, Vec<_>) =
        lists.into_iter().partition(|((_, _, terms), _)| terms.len() > 1);
    rest.extend(single.into_iter().map(|(_, part)| part));
    (many.into_iter().map(|(list, _)| list).collect(), rest)
}

/// Joins conditions as a balanced tree.
pub(super) fn tree(parts: &[String], by: &str) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        _ => {
            let (left, right) = parts.split_at(parts.len() / 2);
            format!("({}{by}{})", tree(left, by), tree(right, by))
        }
    }
}

impl Planner<'_> {
    /// That one of the alternatives means the resource at this row.
    pub(super) fn any_of(&mut self, parts: &[Filter], row: &str, resource: Option<&str>) -> String {
        let (lists, rest) = grouped(parts);
        let mut all = Vec::new();
        for list in lists {
            let (of, place) = self.place(list);
            all.push(format!(
                "EXISTS (SELECT 1 FROM term {of} WHERE {place} AND {of}.row = {row})"
            ));
        }
        for part in rest {
            all.push(self.condition(part, row, resource));
        }
        if all.is_empty() { "0 = 1".to_owned() } else { tree(&all, " OR ") }
    }

    /// The rows of each alternative, each row once.
    pub(super) fn rows_of_any(
        &mut self,
        parts: &[Filter],
        kinds: &[Kind],
    ) -> Result<Source, StoreError> {
        let (lists, rest) = grouped(parts);
        let mut all = Vec::new();
        for list in lists {
            let (of, place) = self.place(list);
            all.push(format!("SELECT {of}.row AS row FROM term {of} WHERE {place}"));
        }
        for part in rest {
            all.push(self.rows_of(part, kinds)?);
        }
        let single = all.len() == 1;
        while all.len() > UNION_MAX {
            all = all.chunks(UNION_MAX).map(|some| self.union(some)).collect();
        }
        // A list may yield a row more than once, which a union of one would not mend.
        let rows = if single {
            let of = self.alias();
            format!("SELECT DISTINCT {of}.row AS row FROM ({}) {of}", all.concat())
        } else {
            all.join(" UNION ")
        };
        Ok(self.by_rows(&rows))
    }

    fn union(&mut self, some: &[String]) -> String {
        let of = self.alias();
        format!("SELECT {of}.row AS row FROM ({}) {of}", some.join(" UNION "))
    }

    /// The rows of a list of terms, as a condition on the table of that name.
    fn place(&mut self, (parameter, system, terms): List) -> (String, String) {
        let of = self.alias();
        let (parameter, list) = (self.int(index::number(parameter)), self.list(terms));
        let mut place =
            format!("{of}.tenant = ?1 AND {of}.parameter = {parameter} AND {of}.term IN ({list})");
        if let Some(system) = system {
            let system = self.int(system);
            place = format!("{place} AND {of}.system = {system}");
        }
        (of, place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_of_one_parameter_and_system_are_one_list() {
        let term = |parameter, term, system| Filter::Term {
            parameter: Parameter(parameter),
            term,
            system,
        };
        let parts = [
            term(1, 5, None),
            term(2, 6, None),
            Filter::Everything,
            term(1, 7, None),
            term(1, 8, Some(0)),
        ];
        let (lists, rest) = grouped(&parts);
        assert_eq!(lists, [(Parameter(1), None, vec![5, 7])]);
        assert_eq!(rest, [&parts[2], &parts[1], &parts[4]]);
    }

    #[test]
    fn a_tree_is_as_deep_as_its_logarithm() {
        let parts: Vec<String> = (0..4096).map(|at| at.to_string()).collect();
        let text = tree(&parts, " OR ");
        let depth = |text: &str| {
            text.chars()
                .scan(0_i32, |depth, c| {
                    *depth += i32::from(c == '(') - i32::from(c == ')');
                    Some(*depth)
                })
                .max()
        };
        assert_eq!(depth(&text), Some(12));
    }
}
