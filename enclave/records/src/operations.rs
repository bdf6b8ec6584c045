//! Operations over the server: matching, erasing, export and import in bulk, terminology,
//! validation, views and subscriptions. The clinic's. Each reads through its caller's
//! [`reach`], so that nothing is told here that a search would not tell.

mod asked;
mod erase;
mod export;
mod identity;
mod import;
mod matching;
mod reach;
mod reply;
mod run;
mod subscription;
mod terminology;
mod validate;
mod vault;
mod views;

use std::path::PathBuf;
use std::sync::Arc;

use autoclave_base::Secret;

pub use subscription::{Outgoing, Sender, SubscriptionSettings};
pub use vault::VaultError;

use crate::server::{Operation, Server};
use subscription::Subscriptions;
use vault::Vault;

/// What operations need that outlive their requests.
pub struct OperationsSettings {
    /// Where jobs are remembered, sealed.
    pub folder: PathBuf,
    /// Seals them; from the records key, for nothing else.
    pub key: Secret<[u8; 32]>,
    /// Where `$import` may take files from; none: only from requests.
    pub imports: Option<PathBuf>,
    /// Who may be told of what is stored.
    pub subscriptions: SubscriptionSettings,
    /// Tells them; none: nobody is told.
    pub sender: Option<Arc<dyn Sender>>,
}

/// All operations. Given to the server when it is made, and started once it is there.
pub struct Operations {
    export: export::Export,
    import: import::Import,
    vocabulary: Arc<terminology::Vocabulary>,
    subscriptions: Subscriptions,
    sender: Option<Arc<dyn Sender>>,
}

impl Operations {
    /// Opens the folder of jobs, or makes it.
    pub fn open(settings: OperationsSettings) -> Result<Self, VaultError> {
        let vault = Arc::new(Vault::open(settings.folder, settings.key)?);
        Ok(Self {
            export: export::Export::new(Arc::clone(&vault)),
            import: import::Import::new(Arc::clone(&vault), settings.imports),
            vocabulary: Arc::default(),
            subscriptions: Subscriptions::new(vault, settings.subscriptions),
            sender: settings.sender,
        })
    }

    /// Each of them, for the server.
    pub fn all(&self) -> Vec<Arc<dyn Operation>> {
        let mut all: Vec<Arc<dyn Operation>> = vec![
            Arc::new(matching::Match),
            Arc::new(erase::Erase),
            Arc::new(self.export.clone()),
            Arc::new(self.import.clone()),
            Arc::new(validate::Validate(Arc::clone(&self.vocabulary))),
            Arc::new(views::Views),
            Arc::new(subscription::WebhookSecret(self.subscriptions.clone())),
        ];
        all.extend(terminology::Terms::all(&self.vocabulary));
        all
    }

    /// Goes on with the jobs that were under way when the program ended. Inside a runtime.
    pub fn start(&self, server: &Server) -> Result<(), VaultError> {
        self.export.resume(server)?;
        self.import.resume(server)?;
        if let Some(sender) = &self.sender {
            let running = self.subscriptions.clone().run(server.clone(), Arc::clone(sender));
            tokio::spawn(running);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
