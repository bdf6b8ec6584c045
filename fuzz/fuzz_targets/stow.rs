//! libFuzzer over the target `stow` of `fuzz/targets`, which knows what it reads. Nobody's in
//! production. Nothing is decided here.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| autoclave_fuzz::call("stow", bytes));
