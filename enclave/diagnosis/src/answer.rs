//! The steps of an answer as types: computed, recorded, signed.
//! Only a signed answer can be taken apart and sent, and only its predecessor makes it.
//! No answer leaves without its durable line in the ledger.

use std::sync::Arc;

use autoclave_attest::chain::VerifiedChain;
use autoclave_attest::receipt::{self, INFERENCE, Model, Receipt};
use autoclave_attest::token::VerifiedToken;
use autoclave_base::Digest;
use autoclave_cell::ledger::Line;
use autoclave_cell::{Cell, Refusal};
use autoclave_ledger::{Event, LedgerProof};

use crate::model::Resident;

/// A result that exists inside only. Its body cannot be reached.
pub struct Computed<T> {
    body: T,
    response: Digest,
}

/// A result whose line in the ledger is durable. Its body still cannot be reached.
pub struct Recorded<T> {
    body: T,
    receipt: Receipt,
    token: Arc<VerifiedToken>,
    chain: Vec<String>,
    line: Line,
}

/// A result with its receipt: this may leave.
pub struct Signed<T> {
    /// The answer.
    pub body: T,
    /// The signed receipt.
    pub receipt: String,
    /// The proof of the line that the receipt names.
    pub ledger: LedgerProof,
    /// The token whose key signed the receipt.
    pub token: String,
    /// The tokens of the chain that the receipt names.
    pub chain: Vec<String>,
}

/// Under what a result was computed.
pub struct Circumstances<'a> {
    /// The model.
    pub model: &'a Resident,
    /// The engine's label.
    pub engine: &'a str,
    /// The digest of the request's body.
    pub request: Digest,
    /// Who asked.
    pub chain: &'a VerifiedChain,
    /// The digest of the rule that let them.
    pub policy: Digest,
}

impl<T> Computed<T> {
    /// Takes an answer and its digest, as the route defines it.
    pub const fn new(body: T, response: Digest) -> Self {
        Self { body, response }
    }

    /// Writes the ledger's line. When this returns, the line is durable.
    pub async fn record(
        self,
        cell: &Cell,
        under: &Circumstances<'_>,
    ) -> Result<Recorded<T>, Refusal> {
        let token = cell.token().await?;
        let event = self.event(under, token.digest());
        let line = cell.ledger().append(event).await?;
        let receipt = self.receipt(cell, under, &token, &line);
        let chain = under.chain.tokens().iter().map(|token| token.raw().to_owned()).collect();
        Ok(Recorded { body: self.body, receipt, token, chain, line })
    }

    fn event(&self, under: &Circumstances<'_>, token: Digest) -> Event {
        let model = under.model.config();
        Event::Result {
            model: model.name.clone(),
            model_digest: model.digest,
            request: under.request,
            response: self.response,
            token,
            caller: under.chain.caller().workload().clone(),
        }
    }

    fn receipt(
        &self,
        cell: &Cell,
        under: &Circumstances<'_>,
        token: &VerifiedToken,
        line: &Line,
    ) -> Receipt {
        let model = under.model.config();
        Receipt {
            iss: cell.workload().clone(),
            sub: INFERENCE.to_owned(),
            iat: cell.now(),
            jti: receipt::new_id(&mut cell.rng()),
            model: Model {
                name: model.name.clone(),
                version: model.version.clone(),
                digest: model.digest,
            },
            engine: under.engine.to_owned(),
            request: under.request,
            response: self.response,
            token: token.digest(),
            policy: under.policy,
            chain: under.chain.digests(),
            line: receipt::Line { origin: line.proof.origin.clone(), index: line.index },
        }
    }
}

impl<T> Recorded<T> {
    /// Signs the receipt with the key that the token binds.
    pub fn sign(self, cell: &Cell) -> Signed<T> {
        Signed {
            receipt: receipt::sign(&self.receipt, cell.signing_key()),
            body: self.body,
            ledger: self.line.proof,
            token: self.token.raw().to_owned(),
            chain: self.chain,
        }
    }
}
