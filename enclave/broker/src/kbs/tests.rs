//! The service as guests and administrators meet it: by its routes, with an attestor that
//! believes Trustee's `sample` evidence and signs with a key of its own.

mod administration;
mod guests;
mod replicas;
mod scene;
mod tokens;
