//! The ways in: the sealed door and the plain routes on one listener, the direct door on
//! another, all onto the role's one router. The cell's. A handler cannot tell through
//! which door a request came.

mod accept;
mod body;
mod direct;
pub(crate) mod evidenced;
mod observe;
mod plain;
mod routes;
mod sealed;
mod stall;

use std::sync::Arc;

use crate::Cell;
use routes::RoleRoutes;

pub use routes::Routes;

pub(crate) use accept::{Stop, Transport, serve};
pub(crate) use direct::{Certificate, acceptor};
pub(crate) use plain::{direct_router, sealed_router};

/// What the doors lead to. The role stands here and not in the cell, because the role's
/// state holds the cell.
pub(crate) struct Doors {
    pub(crate) cell: Arc<Cell>,
    role: RoleRoutes,
}

impl Doors {
    /// Doors behind which there is no role yet.
    pub(crate) fn new(cell: Arc<Cell>) -> Self {
        Self { cell, role: RoleRoutes::default() }
    }

    /// Opens the doors to the role.
    pub(crate) fn open_role(&self, routes: Routes) {
        self.role.open(routes, &self.cell);
    }

    /// Whether the role is built, and it and the enclave have what they need to answer; else
    /// the code of what lacks.
    fn ready(&self) -> Result<(), &'static str> {
        self.role.ready()?;
        if self.cell.is_attested() { Ok(()) } else { Err("cell.no_token") }
    }
}
