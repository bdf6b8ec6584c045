//! The two `ioctl`s that have no file to read instead: AMD's guest device and Nitro's
//! security module. Requests and answers are arrays of the exact sizes that the kernel's
//! headers name, so that no caller can hand in a shorter one. All `unsafe` code is here.

#![allow(unsafe_code, reason = "there is no safe way to an ioctl; each block says why it is sound")]

use std::fs::File;
use std::io;

use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

/// `struct snp_report_req`.
pub(crate) const REPORT_ASK_BYTES: usize = 96;
/// `struct snp_report_resp`.
pub(crate) const REPORT_ANSWER_BYTES: usize = 4000;
/// `struct snp_derived_key_req`.
pub(crate) const KEY_ASK_BYTES: usize = 32;
/// `struct snp_derived_key_resp`.
pub(crate) const KEY_ANSWER_BYTES: usize = 64;
/// `SEV_FW_BLOB_MAX_SIZE`: the most that the kernel takes, and whole pages, as it wants.
pub(crate) const CERTIFICATES_BYTES: usize = 0x4000;

/// `struct snp_guest_request_ioctl` (`linux/sev-guest.h`).
#[repr(C)]
struct GuestMessage {
    version: u8,
    request: u64,
    response: u64,
    error: u64,
}

/// `struct snp_ext_report_req`.
#[repr(C)]
struct Extended {
    data: [u8; REPORT_ASK_BYTES],
    certificates: u64,
    length: u32,
}

/// `struct nsm_iovec` (`linux/nsm.h`).
#[repr(C)]
struct Span {
    address: u64,
    length: u64,
}

/// `struct nsm_raw`.
#[repr(C)]
struct ModuleMessage {
    request: Span,
    response: Span,
}

const SNP_GET_REPORT: Opcode = opcode::read_write::<GuestMessage>(b'S', 0);
const SNP_GET_DERIVED_KEY: Opcode = opcode::read_write::<GuestMessage>(b'S', 1);
const SNP_GET_EXT_REPORT: Opcode = opcode::read_write::<GuestMessage>(b'S', 2);
const NSM_RAW: Opcode = opcode::read_write::<ModuleMessage>(0x0a, 0);

/// The only version of the guest's messages.
const VERSION: u8 = 1;

/// One question to AMD's guest device, with the place for its answer.
pub(crate) enum Ask<'a> {
    Report(&'a [u8; REPORT_ASK_BYTES], &'a mut [u8; REPORT_ANSWER_BYTES]),
    Extended(
        &'a [u8; REPORT_ASK_BYTES],
        &'a mut [u8; CERTIFICATES_BYTES],
        &'a mut [u8; REPORT_ANSWER_BYTES],
    ),
    Key(&'a [u8; KEY_ASK_BYTES], &'a mut [u8; KEY_ANSWER_BYTES]),
}

/// Asks the device. The number is the firmware's and the host's (`exitinfo2`), zero where
/// they had no objection.
pub(crate) fn guest(device: &File, ask: Ask<'_>) -> (io::Result<()>, u64) {
    let mut extended = Extended { data: [0; REPORT_ASK_BYTES], certificates: 0, length: 0 };
    let mut message = GuestMessage { version: VERSION, request: 0, response: 0, error: 0 };
    let opcode = match ask {
        Ask::Report(request, response) => {
            message.request = request.as_ptr().expose_provenance() as u64;
            message.response = response.as_mut_ptr().expose_provenance() as u64;
            SNP_GET_REPORT
        }
        Ask::Extended(request, certificates, response) => {
            extended.data = *request;
            extended.certificates = certificates.as_mut_ptr().expose_provenance() as u64;
            extended.length = CERTIFICATES_SIZE;
            message.request = (&raw mut extended).expose_provenance() as u64;
            message.response = response.as_mut_ptr().expose_provenance() as u64;
            SNP_GET_EXT_REPORT
        }
        Ask::Key(request, response) => {
            message.request = request.as_ptr().expose_provenance() as u64;
            message.response = response.as_mut_ptr().expose_provenance() as u64;
            SNP_GET_DERIVED_KEY
        }
    };
    // SAFETY: The three operations take a `GuestMessage`, whose layout is the kernel's. What
    // its addresses point to is borrowed for the whole call by `ask` (or is `extended`, which
    // lives until the end of this function), and is exactly as long as the kernel's structure
    // for that operation: it reads the request, writes the answer, and for the extended report
    // writes at most `length` bytes of certificates and the structure's own length. A file
    // that is no such device answers with an error and touches nothing.
    let done = unsafe {
        match opcode {
            SNP_GET_REPORT => ioctl(device, Updater::<SNP_GET_REPORT, _>::new(&mut message)),
            SNP_GET_EXT_REPORT => {
                ioctl(device, Updater::<SNP_GET_EXT_REPORT, _>::new(&mut message))
            }
            _ => ioctl(device, Updater::<SNP_GET_DERIVED_KEY, _>::new(&mut message)),
        }
    };
    (done.map_err(Into::into), message.error)
}

/// [`CERTIFICATES_BYTES`] as the kernel's structure has it.
const CERTIFICATES_SIZE: u32 = 0x4000;
const _: () = assert!(CERTIFICATES_SIZE as usize == CERTIFICATES_BYTES);

/// Sends a request to Nitro's security module; how much of `response` it filled.
pub(crate) fn module(device: &File, request: &[u8], response: &mut [u8]) -> io::Result<usize> {
    let mut message = ModuleMessage {
        request: Span {
            address: request.as_ptr().expose_provenance() as u64,
            length: request.len() as u64,
        },
        response: Span {
            address: response.as_mut_ptr().expose_provenance() as u64,
            length: response.len() as u64,
        },
    };
    // SAFETY: The operation takes a `ModuleMessage`, whose layout is the kernel's. Both spans
    // are borrowed for the whole call, with their true lengths: the kernel reads the first and
    // writes at most the second's length, and puts there how much it wrote. A file that is no
    // such device answers with an error and touches nothing.
    unsafe { ioctl(device, Updater::<NSM_RAW, _>::new(&mut message)) }?;
    let filled = usize::try_from(message.response.length).unwrap_or(usize::MAX);
    if filled <= response.len() { Ok(filled) } else { Err(io::ErrorKind::InvalidData.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers that the kernel's headers make.
    #[test]
    fn layouts_and_numbers_are_the_kernel_s() {
        assert_eq!(SNP_GET_REPORT, 0xc020_5300);
        assert_eq!(SNP_GET_DERIVED_KEY, 0xc020_5301);
        assert_eq!(SNP_GET_EXT_REPORT, 0xc020_5302);
        assert_eq!(NSM_RAW, 0xc020_0a00);
        assert_eq!((size_of::<Extended>(), std::mem::offset_of!(Extended, length)), (112, 104));
        assert_eq!(std::mem::offset_of!(GuestMessage, request), 8);
    }

    #[test]
    fn a_file_that_is_no_such_device_refuses() {
        let null = File::options().read(true).write(true).open("/dev/null").unwrap();
        let (request, mut response) = ([0; REPORT_ASK_BYTES], [7; REPORT_ANSWER_BYTES]);
        let (outcome, error) = guest(&null, Ask::Report(&request, &mut response));
        assert!(outcome.is_err());
        assert_eq!((error, response), (0, [7; REPORT_ANSWER_BYTES]));
        let mut certificates = [0; CERTIFICATES_BYTES];
        let ask = Ask::Extended(&request, &mut certificates, &mut response);
        assert!(guest(&null, ask).0.is_err());
        let ask = Ask::Key(&[0; KEY_ASK_BYTES], &mut [0; KEY_ANSWER_BYTES]);
        assert!(guest(&null, ask).0.is_err());
        assert!(module(&null, &[1], &mut [0; 8]).is_err());
    }
}
