//! Real resources: all official examples of R4 and US Core, and Synthea's patients. They are no
//! part of this project: `npm pack hl7.fhir.r4.examples` unpacked as
//! `target/fhir/hl7.fhir.r4.examples/package`, and the rest as `../shared/fhir` has it. Where
//! they are absent, these tests say so and pass.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "tests, and what they skip")]

mod broken;
mod examples;
mod material;
mod synthea;
mod us_core;
