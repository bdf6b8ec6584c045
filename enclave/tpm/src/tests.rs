use super::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn a_plain_command_is_header_and_parameters() {
    let startup = Command::new(code::STARTUP).u16(code::SU_CLEAR);
    assert_eq!(hex(&startup.into_bytes()), "80010000000c000001440000");
}

#[test]
fn an_authorised_command_carries_the_empty_password() {
    let command = Command::new(code::PCR_EXTEND).owned(8).u32(1);
    let expected = "8002 0000001f 00000182 00000008 00000009 40000009 0000 01 0000 00000001";
    assert_eq!(hex(&command.into_bytes()), expected.replace(' ', ""));
}

#[test]
fn two_authorisations_stand_in_the_order_of_their_handles() {
    let command = Command::new(code::ACTIVATE_CREDENTIAL)
        .owned(AK_HANDLE)
        .by_policy(0x8000_0000, 0x0300_0000)
        .sized(&[0xaa]);
    let expected = "8002 0000002b 00000147 81010002 80000000 00000012 \
                    40000009 0000 01 0000 03000000 0000 01 0000 0001aa";
    assert_eq!(hex(&command.into_bytes()), expected.replace(' ', ""));
}

#[test]
fn a_selection_names_registers_by_bits_lowest_first() {
    assert_eq!(hex(pcr::selection([0, 7, 11]).bytes()), "00000001000b03810800");
    assert_eq!(hex(pcr::selection(0..PCRS).bytes()), "00000001000b03ffff00");
}

#[test]
fn an_answer_is_taken_apart_and_never_read_beyond_its_end() {
    let good = bytes("8002 00000017 00000000 80000001 00000003 0001aa 0000010000");
    let form = Command::new(code::HMAC).owned(0).answering_handle().form();
    let answer = Response::parse(good.clone(), form).unwrap();
    assert_eq!(answer.handle(), 0x8000_0001);
    assert_eq!(answer.parameters().sized().unwrap(), [0xaa]);
    for end in 0..good.len() - 5 {
        let cut = Response::parse(good[..end].to_vec(), form);
        assert_eq!(cut.unwrap_err().code(), "tpm.malformed", "{end}");
    }
    let answer = Response::parse(good, form).unwrap();
    let mut parameters = answer.parameters();
    assert!(parameters.take(4).is_err());
}

#[test]
fn a_header_that_promises_too_much_or_too_little_is_refused() {
    for size in ["00000009", "00001001", "ffffffff"] {
        let header = bytes(&format!("8001 {size} 00000000"));
        let refused = command::answer_bytes(header.try_into().unwrap());
        assert_eq!(refused.unwrap_err().code(), "tpm.malformed");
    }
}

#[test]
fn a_response_code_says_what_to_do() {
    let refused = |code: u32| TpmError::Refused { command: "Test", code };
    for (code, expected) in [
        (0x9a2, "tpm.password"),
        (0x98e, "tpm.password"),
        (0x99d, "tpm.policy"),
        (0x1df, "tpm.integrity"),
        (0x2df, "tpm.integrity"),
        (0x921, "tpm.lockout"),
        (0x902, "tpm.refused"),
    ] {
        assert_eq!(refused(code).code(), expected, "{code:#x}");
    }
    assert!(refused(0x921).to_string().contains("lockout"));
}

#[test]
fn a_tpm_that_is_not_there_is_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let device = Device::Unix(folder.path().join("socket"));
    assert_eq!(Tpm::open(&device).err().unwrap().code(), "tpm.unreachable");
}
