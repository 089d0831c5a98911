//! Strict base64url (RFC 7515 section 2).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Decodes non-empty base64url without padding, whitespace or stray trailing bits (RFC 7515 section 2, RFC 4648 section
/// 3.5). A lenient decoder would accept several encodings of the same token.
pub(crate) fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok().filter(|bytes| !bytes.is_empty())
}

/// Whether a string contains only characters of the base64url alphabet.
pub(crate) fn is_base64url(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
