//! Nitro's security module (`/dev/nsm`): CBOR in, a signed document out. The document is
//! over bytes of ours, among the enclave's registers and the time. It is not read here.

use std::fs::File;
use std::path::{Path, PathBuf};

use autoclave_base::cbor::Value;

use crate::{DeviceError, ioctl};

/// Where the kernel shows the module.
pub const PATH: &str = "/dev/nsm";

/// Longest answer (`NSM_RESPONSE_MAX_SIZE`).
const ANSWER_BYTES_MAX: usize = 0x3000;

const ADVICE: &str = "it is there only inside a Nitro enclave";

/// Whoever carries requests to the module.
pub trait Module: Send + Sync {
    /// The answer to a request, both in CBOR.
    fn exchange(&self, request: &[u8]) -> Result<Vec<u8>, DeviceError>;
}

/// The kernel's device.
#[derive(Debug, Clone)]
pub struct Device(PathBuf);

impl Device {
    /// The device at `path`.
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }
}

impl Module for Device {
    fn exchange(&self, request: &[u8]) -> Result<Vec<u8>, DeviceError> {
        let failed = |error| DeviceError::of(&self.0, ADVICE, error);
        let device = File::options().read(true).write(true).open(&self.0).map_err(failed)?;
        let mut answer = vec![0; ANSWER_BYTES_MAX];
        let length = ioctl::module(&device, request, &mut answer).map_err(failed)?;
        answer.truncate(length);
        Ok(answer)
    }
}

/// The signed document over `input`, as `user_data`.
pub fn document(module: &dyn Module, input: &[u8; 64]) -> Result<Vec<u8>, DeviceError> {
    let answer = module.exchange(&request(input))?;
    let answer = Value::parse(&answer).map_err(|_| DeviceError::Malformed)?;
    if answer.named("Error").is_some() {
        return Err(DeviceError::Firmware(0));
    }
    let attestation = answer.named("Attestation").and_then(|inner| inner.named("document"));
    let document = attestation.and_then(Value::as_bytes).ok_or(DeviceError::Malformed)?;
    Ok(document.to_vec())
}

/// `{"Attestation": {"user_data": …, "nonce": null, "public_key": null}}`.
fn request(input: &[u8; 64]) -> Vec<u8> {
    let inner = [("user_data", Value::bytes(*input)), ("nonce", Value::Null)];
    let inner = inner.into_iter().chain([("public_key", Value::Null)]);
    let inner = inner.map(|(name, value)| (Value::text(name), value)).collect();
    Value::Map(vec![(Value::text("Attestation"), Value::Map(inner))]).to_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fake(Value);

    impl Module for Fake {
        fn exchange(&self, request: &[u8]) -> Result<Vec<u8>, DeviceError> {
            let request = Value::parse(request).unwrap();
            let asked = request.named("Attestation").unwrap();
            assert_eq!(asked.named("user_data").unwrap().as_bytes(), Some(&[7; 64][..]));
            assert_eq!(asked.named("nonce"), Some(&Value::Null));
            Ok(self.0.to_bytes())
        }
    }

    fn named(name: &str, value: Value) -> Value {
        Value::Map(vec![(Value::text(name), value)])
    }

    #[test]
    fn the_document_is_taken_out_of_the_answer() {
        let good = named("Attestation", named("document", Value::bytes([1, 2, 3])));
        assert_eq!(document(&Fake(good), &[7; 64]).unwrap(), [1, 2, 3]);
        let refused = named("Error", Value::text("InvalidArgument"));
        assert_eq!(document(&Fake(refused), &[7; 64]).unwrap_err().code(), "platform.firmware");
        let other = named("Attestation", named("document", Value::text("x")));
        assert_eq!(document(&Fake(other), &[7; 64]).unwrap_err().code(), "platform.answer");
    }

    #[test]
    fn what_is_no_module_says_so() {
        let code = |path| document(&Device::at(Path::new(path)), &[7; 64]).unwrap_err().code();
        assert_eq!(code("/dev/none"), "platform.absent");
        assert_eq!(code("/dev/null"), "platform.channel_shut");
    }
}
