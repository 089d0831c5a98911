//! Recognizes strings that clients mistakenly send in place of a token.

use crate::base64url::decode;
use crate::reason::Reason;

/// The likely reason why a client sent this string in place of a JWT.
#[must_use]
pub fn likely_mistake(text: &str) -> Option<Reason> {
    const NON_TOKEN_LITERALS: [&str; 6] = ["undefined", "null", "false", "true", "NaN", "None"];
    let contains_any = |chars: &[char]| text.contains(chars);
    Some(if NON_TOKEN_LITERALS.contains(&text) || text.starts_with("[object ") {
        Reason::LiteralUndefined
    } else if starts_with_bearer(text) {
        Reason::BearerPrefix
    } else if text.trim_start().starts_with('{') && !text.starts_with("{{") {
        Reason::Json
    } else if text.starts_with(['<', '$']) || text.starts_with("{{") {
        Reason::Placeholder
    } else if contains_any(&['"', '\'', '`']) || text.contains("%22") {
        Reason::Quotes
    } else if contains_any(&['%']) {
        Reason::PercentEncoded
    } else if text.contains(|char: char| char.is_whitespace() || char.is_control()) {
        Reason::Whitespace
    } else if text.starts_with("pat_") && !contains_any(&['.']) {
        Reason::PersonalAccessToken
    } else if contains_any(&['…']) || text.contains("...") || is_start_of_jwt(text) {
        Reason::Truncated
    } else {
        return None;
    })
}

/// Whether a string starts with the scheme `Bearer`, which people often copy along with a token.
fn starts_with_bearer(text: &str) -> bool {
    let start = text.trim_start();
    let rest = start.get(..6).filter(|start| start.eq_ignore_ascii_case("bearer")).and_then(|_| start.get(6..));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', ':', '=', '%', '+']))
}

/// Whether a string is a truncated JWT. An opaque token never decodes to the start of a JSON object.
fn is_start_of_jwt(text: &str) -> bool {
    let (header, rest) = text.split_once('.').unwrap_or((text, ""));
    let lacks_parts = rest.matches('.').count() == 0 || rest.ends_with('.');
    lacks_parts && starts_with_json(header)
}

/// Whether a base64url string decodes to the start of a JSON object, as the header of a JWT does.
pub(crate) fn starts_with_json(encoded: &str) -> bool {
    let decoded_start = encoded.get(..encoded.len() / 4 * 4).and_then(decode);
    decoded_start.is_some_and(|bytes| bytes.starts_with(b"{\"") && std::str::from_utf8(&bytes).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognizes_only_likely_reasons() {
        for text in [
            "Xk2vJ0y1c3Qd4f5G6h7J8k9L0m1N2b3V4c5X6z7A8s9",
            "eyJ",
            "bearers",
            "undefineds",
            "pat",
            "a.b.c",
            "a.b",
            "",
            "eyJ\u{e4}",
        ] {
            assert_eq!(likely_mistake(text), None, "{text}");
        }
        assert_eq!(likely_mistake("eyJhbGciOiJFUzM4NCIsInR5cCI6"), Some(Reason::Truncated));
    }
}
