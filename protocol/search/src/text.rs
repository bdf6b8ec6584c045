//! Texts as searches compare them: without case, accents, punctuation and needless space
//! (R4, search.html#string). It belongs to the crate.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// A text as it is compared.
pub(crate) fn normal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    if text.is_ascii() {
        text.chars().for_each(|c| push(&mut out, c.to_ascii_lowercase()));
    } else {
        let letters = text.nfkd().filter(|c| !is_combining_mark(*c));
        for c in letters.flat_map(char::to_lowercase) {
            match c {
                'ß' => out.push_str("ss"),
                'æ' => out.push_str("ae"),
                'œ' => out.push_str("oe"),
                'ø' => out.push('o'),
                'đ' | 'ð' => out.push('d'),
                'ł' => out.push('l'),
                'þ' => out.push_str("th"),
                'ı' => out.push('i'),
                c if is_combining_mark(c) => {}
                c => push(&mut out, c),
            }
        }
    }
    if out.ends_with(' ') {
        out.pop();
    }
    out
}

/// Apostrophes and full stops are nothing, any other run of what is no letter and no digit is
/// one space: `O'Brien` is found as `obrien`, `Smith-Jones` as `smith jones`.
fn push(out: &mut String, c: char) {
    if c.is_alphanumeric() {
        out.push(c);
    } else if !matches!(c, '\'' | '’' | '‘' | '`' | '´' | '.')
        && !out.is_empty()
        && !out.ends_with(' ')
    {
        out.push(' ');
    }
}

/// A token as it is compared: R4 says that servers, in doubt, do not tell cases apart.
pub(crate) fn folded(code: &str) -> std::borrow::Cow<'_, str> {
    if code.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
        code.to_lowercase().into()
    } else {
        code.into()
    }
}

/// How a name sounds (American Soundex, as the US National Archives describe it), of each of
/// its words; none where a word has no letter of A to Z.
pub(crate) fn sounds(name: &str) -> Vec<String> {
    normal(name).split(' ').filter_map(soundex).collect()
}

fn soundex(word: &str) -> Option<String> {
    let mut letters = word.chars().filter(char::is_ascii_lowercase);
    let first = letters.next()?;
    let mut out = String::from(first.to_ascii_uppercase());
    let mut last = class(first);
    for letter in letters {
        let now = class(letter);
        if now != '0' && now != last && now != '-' {
            out.push(now);
        }
        // H and W do not part two letters that sound alike; vowels do.
        if now != '-' {
            last = now;
        }
        if out.len() == 4 {
            break;
        }
    }
    while out.len() < 4 {
        out.push('0');
    }
    Some(out)
}

const fn class(letter: char) -> char {
    match letter {
        'b' | 'f' | 'p' | 'v' => '1',
        'c' | 'g' | 'j' | 'k' | 'q' | 's' | 'x' | 'z' => '2',
        'd' | 't' => '3',
        'l' => '4',
        'm' | 'n' => '5',
        'r' => '6',
        'h' | 'w' => '-',
        _ => '0',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_and_punctuation_do_not_matter() {
        for (text, same) in [
            ("Müller-Lüdenscheidt", "muller ludenscheidt"),
            ("  O'Brien ", "obrien"),
            ("O’Brien", "obrien"),
            ("Straße", "strasse"),
            ("Ægir Øst", "aegir ost"),
            ("ÇELİK", "celik"),
            ("St. Mary's  Hospital, No. 5", "st marys hospital no 5"),
            ("ﬁ", "fi"),
            ("山田 太郎", "山田 太郎"),
            ("---", ""),
        ] {
            assert_eq!(normal(text), same, "{text}");
        }
    }

    #[test]
    fn names_that_sound_alike_are_alike() {
        for (name, code) in [
            ("Robert", "R163"),
            ("Rupert", "R163"),
            ("Rubin", "R150"),
            ("Ashcraft", "A261"),
            ("Tymczak", "T522"),
            ("Pfister", "P236"),
            ("Honeyman", "H555"),
            ("Lee", "L000"),
        ] {
            assert_eq!(sounds(name), [code], "{name}");
        }
        assert!(sounds("山田").is_empty());
    }
}
