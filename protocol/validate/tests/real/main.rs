//! Real resources: all official examples of R4 and all of Synthea's bundles. They are not part
//! of this project: `npm pack hl7.fhir.r4.examples` unpacked as
//! `target/fhir/hl7.fhir.r4.examples/package`, and Synthea's bundles as `../shared/fhir` has
//! them. Where they are absent, these tests say so and pass.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "tests, and what they skip")]

mod examples;
mod material;
mod synthea;
