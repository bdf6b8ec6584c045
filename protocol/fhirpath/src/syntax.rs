//! FHIRPath as text and as a tree. It belongs to the crate. Nothing here is evaluated.

mod ast;
mod function;
mod lexer;
mod parser;

pub use ast::{Ast, Literal, Operator, TypeName};
pub use function::Function;
pub use parser::parse;

/// Why a text is no expression. It says where, never what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseRefusal {
    /// Not FHIRPath, from that byte on.
    #[error("not FHIRPath, at byte {0}")]
    Syntax(usize),
    /// A function that is not known, at that byte.
    #[error("no function of FHIRPath, at byte {0}")]
    UnknownFunction(usize),
    /// A function with too few or too many arguments, at that byte.
    #[error("not the arguments of that function, at byte {0}")]
    Arguments(usize),
    /// A number that this reader cannot hold exactly.
    #[error("a number out of range, at byte {0}")]
    Number(usize),
    /// More text, or deeper nested, than any honest expression.
    #[error("an expression too long or too deep")]
    Size,
}
