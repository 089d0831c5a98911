//! The signature of Logto's webhook requests.

use crate::signature::is_hmac_sha256;

/// The header that contains the signature.
pub const SIGNATURE_HEADER: &str = "logto-signature-sha-256";

/// Maximum length of a webhook request's body, in bytes. The body contains either a user with custom data, or up to
/// 5,000 ids of users or applications.
pub const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// Whether one of the signing keys yields this hexadecimal signature for the body. Two keys are in use while an
/// administrator replaces the signing key.
#[must_use]
pub fn is_signed(body: &[u8], signature: &str, keys: &[String]) -> bool {
    let Some(tag) = from_hex(signature) else { return false };
    keys.iter().any(|key| is_hmac_sha256(key.as_bytes(), body, &tag))
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| if let [high, low] = pair { u8::try_from(digit(high)? << 4 | digit(low)?).ok() } else { None })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key, body and signature of the test case in RFC 4231 section 4.3.
    const KEY: &str = "Jefe";
    const BODY: &[u8] = b"what do ya want for nothing?";
    const SIGNATURE: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

    fn is_signed_by(signature: &str, keys: &[&str]) -> bool {
        is_signed(BODY, signature, &keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn accepts_the_signature_of_any_key() {
        assert!(is_signed_by(SIGNATURE, &[KEY]));
        assert!(is_signed_by(SIGNATURE, &["other", KEY]));
        assert!(is_signed_by(&SIGNATURE.to_ascii_uppercase(), &[KEY]));
    }

    #[test]
    fn rejects_every_other_signature() {
        assert!(!is_signed_by(SIGNATURE, &["other"]));
        assert!(!is_signed_by(SIGNATURE, &[]));
        assert!(!is_signed(&BODY[1..], SIGNATURE, &[KEY.into()]));
        let end = &SIGNATURE[1..];
        for signature in [
            "",
            "5b",
            &SIGNATURE[..62],
            &SIGNATURE[..63],
            &format!("{SIGNATURE}00"),
            &format!("{SIGNATURE} "),
            &format!("6{end}"),
            &format!("+{end}"),
            &format!("\u{e9}{}", &SIGNATURE[2..]),
            &format!("sha256={SIGNATURE}"),
        ] {
            assert!(!is_signed_by(signature, &[KEY]), "{signature}");
        }
    }
}
