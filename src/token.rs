//! Splits and decodes a compact JWS, with a size limit and strict base64url, and parses its header. This module does no
//! cryptography.

use crate::base64url::{decode, is_base64url};
use crate::error::{ErrorCode, Rejection};
use crate::json::Object;
use crate::mistakes;
use crate::reason::Reason;

/// Maximum length of a token, in bytes. The limit equals Node's default limit for all headers of a request combined.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Maximum nesting depth of the JSON in a JWT header. The JWT headers that Logto issues are flat. A `jwk` or `x5c`
/// member, which another issuer may add, increases the depth to two.
pub(crate) const MAX_HEADER_DEPTH: usize = 4;

/// The decoded parts of a compact JWS, which have not been verified yet.
#[derive(Debug)]
pub struct Token<'a> {
    /// The JWS signing input, which consists of the encoded header and payload, joined by a dot.
    pub signed: &'a str,
    /// The decoded header.
    pub header: Vec<u8>,
    /// The decoded payload. Except for `iat` and `iss`, no claim may be read before the signature has been verified.
    pub payload: Vec<u8>,
    /// The decoded signature.
    pub signature: Vec<u8>,
}

/// The members of a JOSE header (RFC 7515 section 4.1) that verification uses. The members `jku`, `jwk`, `x5u` and
/// `x5c` are ignored, because a token must not choose its own key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The signature algorithm.
    pub alg: String,
    /// The media type of the token, in lower case and without `application/` (RFC 7515 section 4.1.9).
    pub typ: Option<String>,
    /// The key id.
    pub kid: Option<String>,
    /// Whether the header has a `crit` or `b64` member. `crit` and `b64` change how a token is interpreted, and no
    /// access token needs them.
    pub has_extensions: bool,
}

/// The `typ` of a logout token (`OpenID` Connect Back-Channel Logout 1.0 section 2.4).
pub const LOGOUT_TOKEN_TYPE: &str = "logout+jwt";

/// Checks the length of a token before the token is decoded.
///
/// # Errors
///
/// [`ErrorCode::MalformedToken`] if the token is too long.
pub fn check_size(text: &str) -> Result<(), Rejection> {
    if text.len() > MAX_TOKEN_BYTES { Err(Rejection::malformed_token(Reason::TooLong)) } else { Ok(()) }
}

impl<'a> Token<'a> {
    /// Splits and decodes a token.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::OpaqueToken`] if the token may be an opaque reference, otherwise [`ErrorCode::MalformedToken`].
    pub fn decode(text: &'a str) -> Result<Self, Rejection> {
        let decode_parts = || {
            let (signed, signature) = text.rsplit_once('.')?;
            let (header, payload) = signed.split_once('.')?;
            Some(Self { signed, header: decode(header)?, payload: decode(payload)?, signature: decode(signature)? })
        };
        decode_parts().ok_or_else(|| non_jwt_rejection(text))
    }
}

impl Header {
    /// Parses the header of a token.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::MalformedToken`] if the header is not a JSON object, or has duplicate or wrongly typed members.
    pub fn parse(bytes: &[u8]) -> Result<Self, Rejection> {
        let object = Object::parse(bytes, MAX_HEADER_DEPTH)
            .map_err(|problem| Rejection::unreadable_part(Reason::InvalidHeader, problem))?;
        let string = |name: &str| {
            object
                .get_as::<String>(name)
                .map_err(|_| Rejection::unreadable_part(Reason::InvalidHeader, &format!("{name} is not a string")))
        };
        Ok(Self {
            alg: string("alg")?.ok_or_else(|| Rejection::unreadable_part(Reason::InvalidHeader, "no alg"))?,
            typ: string("typ")?.map(|typ| media_type(&typ)),
            kid: string("kid")?,
            has_extensions: object.get("crit").is_some() || object.get("b64").is_some(),
        })
    }

    /// Whether the token is a logout token.
    pub(crate) fn is_logout(&self) -> bool {
        // A media type may have parameters (RFC 9110 section 8.3.1).
        self.typ
            .as_deref()
            .and_then(|typ| typ.split(';').next())
            .is_some_and(|typ| media_type(typ.trim()) == LOGOUT_TOKEN_TYPE)
    }
}

/// Converts a media type to lower case and removes the prefix `application/`, so that media types can be compared. The
/// prefix may be omitted only if no other slash remains (RFC 7515 section 4.1.9).
///
/// ```
/// use logto_authkit::token::media_type;
/// assert_eq!(media_type("application/AT+JWT"), "at+jwt");
/// assert_eq!(media_type("application/text/plain"), "application/text/plain");
/// ```
#[must_use]
pub fn media_type(typ: &str) -> String {
    let lower_case = typ.to_ascii_lowercase();
    lower_case.strip_prefix("application/").filter(|rest| !rest.contains('/')).map_or(lower_case.clone(), str::to_owned)
}

/// Whether a string contains only characters that bearer tokens may contain (RFC 6750 section 2.1).
fn is_token68(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte))
}

/// The rejection for a string that is not a JWT.
fn non_jwt_rejection(text: &str) -> Rejection {
    let mistake = mistakes::likely_mistake(text);
    match mistake {
        None if is_token68(text) && !text.contains('.') => return ErrorCode::OpaqueToken.into(),
        Some(Reason::PersonalAccessToken) => {
            return Rejection::from(ErrorCode::OpaqueToken).reason(Reason::PersonalAccessToken);
        }
        _ => {}
    }
    Rejection::malformed_token(mistake.unwrap_or_else(|| match text.split('.').collect::<Vec<_>>().as_slice() {
        // Truncated base64url usually ends in a character whose unused bits are not zero, which `decode` rejects.
        [header, payload, signature]
            if decode(header).is_some() && decode(payload).is_some() && is_base64url(signature) =>
        {
            Reason::Truncated
        }
        [_, _, _] => Reason::NotBase64url,
        [_, _, _, _, _] => Reason::Encrypted,
        _ => Reason::NotThreeParts,
    }))
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    const HEADER: &str = r#"{"alg":"ES384","typ":"at+jwt","kid":"k"}"#;

    fn compact(header: &str) -> String {
        format!("{}.e30.AAAA", URL_SAFE_NO_PAD.encode(header))
    }

    fn header(text: &str) -> Result<Header, Rejection> {
        check_size(text)?;
        Header::parse(&Token::decode(text)?.header)
    }

    #[track_caller]
    fn assert_rejects(text: &str, code: ErrorCode) {
        assert_eq!(header(text).map(|_| ()).map_err(|rejection| rejection.code), Err(code), "{text}");
    }

    #[test]
    fn splits_and_decodes_a_token() {
        let text = compact(HEADER);
        let token = Token::decode(&text).unwrap();
        assert_eq!((token.payload.as_slice(), token.signature.as_slice()), (&b"{}"[..], &[0, 0, 0][..]));
        assert_eq!(token.signed, text.strip_suffix(".AAAA").unwrap());
        let expected =
            Header { alg: "ES384".into(), typ: Some("at+jwt".into()), kid: Some("k".into()), has_extensions: false };
        assert_eq!(header(&text).unwrap(), expected);
    }

    #[test]
    fn rejects_a_single_part_as_opaque() {
        assert_rejects("Xk2vJ0y1c3Qd4f5G6h7J8k9L0m1N2b3V4c5X6z7A8s9", ErrorCode::OpaqueToken);
    }

    #[test]
    fn rejects_any_other_number_of_parts_as_malformed() {
        let text = compact(HEADER);
        for text in ["", ".", "..", "...", "a.b", &format!("{text}."), &format!(".{text}"), &format!("{text}.{text}")] {
            assert_rejects(text, if text.is_empty() { ErrorCode::OpaqueToken } else { ErrorCode::MalformedToken });
        }
        assert_rejects("{\"payload\":\"e30\"}", ErrorCode::MalformedToken);
    }

    #[test]
    fn accepts_only_the_canonical_base64url_encoding() {
        let encoded = URL_SAFE_NO_PAD.encode(HEADER);
        assert!(header(&format!("{encoded}.e30.AA")).is_ok());
        for bad in ["AA==", "AB", "A", "A A", "AA\n", "+/+/", " AA", "AA ", "\u{e4}"] {
            assert_rejects(&format!("{encoded}.e30.{bad}"), ErrorCode::MalformedToken);
            assert_rejects(&format!("{encoded}.{bad}.AA"), ErrorCode::MalformedToken);
            assert_rejects(&format!("{bad}.e30.AA"), ErrorCode::MalformedToken);
        }
    }

    #[test]
    fn rejects_a_token_over_16_kib_before_decoding_it() {
        let large_token = format!("{}.e30.{}", URL_SAFE_NO_PAD.encode(HEADER), "A".repeat(16_000));
        assert!(header(&large_token).is_ok());
        assert_rejects(&"A".repeat(MAX_TOKEN_BYTES + 1), ErrorCode::MalformedToken);
    }

    #[test]
    fn rejects_a_header_with_wrong_types_or_duplicate_members() {
        for header in [
            "[]",
            "null",
            "{}",
            r#"{"alg":1}"#,
            r#"{"alg":null}"#,
            r#"{"alg":["ES384"]}"#,
            r#"{"alg":"ES384","alg":"ES384"}"#,
            r#"{"alg":"ES384","kid":1}"#,
            r#"{"alg":"ES384","kid":null}"#,
            r#"{"alg":"ES384","typ":{}}"#,
        ] {
            assert_rejects(&compact(header), ErrorCode::MalformedToken);
        }
    }

    #[test]
    fn rejects_a_deeply_nested_header() {
        let nested = |depth: usize| format!(r#"{{"alg":"ES384","z":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        assert!(header(&compact(&nested(3))).is_ok());
        for depth in [4, 5, 127, 5000] {
            assert_rejects(&compact(&nested(depth)), ErrorCode::MalformedToken);
        }
    }

    #[test]
    fn b7_recognizes_a_logout_token_by_its_type_whatever_its_parameters() {
        for typ in [
            "logout+jwt",
            "application/logout+jwt",
            "LOGOUT+JWT",
            "logout+jwt;v=1",
            " logout+jwt ; a=b",
            "application/logout+jwt; x=y/z",
        ] {
            let text = compact(&format!(r#"{{"alg":"ES384","typ":"{typ}"}}"#));
            assert!(header(&text).unwrap().is_logout(), "{typ}");
        }
        for typ in ["at+jwt", "logout", "xlogout+jwt", "at+jwt;logout+jwt", "logout+jwtx", ""] {
            let text = compact(&format!(r#"{{"alg":"ES384","typ":"{typ}"}}"#));
            assert!(!header(&text).unwrap().is_logout(), "{typ}");
        }
    }

    #[test]
    fn detects_crit_and_b64_with_any_value() {
        for member in [r#""crit":[]"#, r#""crit":null"#, r#""crit":["exp"]"#, r#""b64":true"#, r#""b64":false"#] {
            let text = compact(&format!(r#"{{"alg":"ES384",{member}}}"#));
            assert!(header(&text).unwrap().has_extensions, "{member}");
        }
    }
}
