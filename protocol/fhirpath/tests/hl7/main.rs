//! HL7's own cases for FHIRPath, patches and SQL on FHIR, from `../shared` beside the
//! project's root. Where they are absent, each test says so and passes.

#[cfg(test)]
mod archive;
#[cfg(test)]
mod fhirpath;
#[cfg(test)]
mod patch;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod ucum;
#[cfg(test)]
mod views;
#[cfg(test)]
mod xml;
