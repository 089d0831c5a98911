//! Compact JWS to header and parts: strict base64url, size caps, no crypto.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::{Code, Refusal};
use crate::json::Object;

/// Longest token that is looked at, in bytes. Node's limit on all headers of a request is the same.
pub const LONGEST_TOKEN: usize = 16 * 1024;

/// Deepest nesting of a header. Logto's are flat; a `jwk` or an `x5c`, which others put there, makes two.
const DEEPEST_HEADER: usize = 4;

/// A JWT taken apart, nothing of it trusted yet.
#[derive(Debug)]
pub struct Token<'a> {
    /// What the header says.
    pub header: Header,
    /// What is signed: header and payload as they came.
    pub signed: &'a str,
    /// The payload, decoded. Not to be read before the signature holds.
    pub payload: Vec<u8>,
    /// The signature, decoded.
    pub signature: Vec<u8>,
}

/// The members of a JOSE header (RFC 7515 section 4.1) that count. `jku`, `jwk`, `x5u` and `x5c` are not among
/// them: a token does not choose its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The signature algorithm's name.
    pub alg: String,
    /// The media type, lower-case and without `application/` (RFC 7515 section 4.1.9).
    pub typ: Option<String>,
    /// The key's id.
    pub kid: Option<String>,
    /// `crit` or `b64`, which change what the rest means and which no access token has.
    pub extended: bool,
}

impl<'a> Token<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    ///
    /// [`Code::OpaqueToken`] for a single part of token characters, else [`Code::MalformedToken`].
    pub fn parse(text: &'a str) -> Result<Self, Refusal> {
        if text.len() > LONGEST_TOKEN {
            return Err(Refusal::malformed("longer than 16 KiB"));
        }
        let Some((signed, signature)) = text.rsplit_once('.') else {
            return Err(if is_token68(text) { Code::OpaqueToken.into() } else { parts(text) });
        };
        let Some((header, payload)) = signed.split_once('.') else { return Err(parts(text)) };
        let (header, payload, signature) = (decode(header), decode(payload), decode(signature));
        let (Some(header), Some(payload), Some(signature)) = (header, payload, signature) else {
            return Err(parts(text));
        };
        Ok(Self { header: Header::parse(&header)?, signed, payload, signature })
    }
}

impl Header {
    fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let object =
            Object::parse(bytes, DEEPEST_HEADER).map_err(|reason| Refusal::malformed(&format!("header: {reason}")))?;
        let string = |name: &str| {
            object.typed::<String>(name).map_err(|_| Refusal::malformed(&format!("header: {name} is not a string")))
        };
        Ok(Self {
            alg: string("alg")?.ok_or_else(|| Refusal::malformed("header: no alg"))?,
            typ: string("typ")?.map(|typ| media_type(&typ)),
            kid: string("kid")?,
            extended: object.get("crit").is_some() || object.get("b64").is_some(),
        })
    }
}

/// A media type in the one spelling that is compared: lower-case, the `application/` prefix left out.
///
/// ```
/// use logto_authkit::token::media_type;
/// assert_eq!(media_type("application/AT+JWT"), "at+jwt");
/// ```
#[must_use]
pub fn media_type(typ: &str) -> String {
    let lower = typ.to_ascii_lowercase();
    lower.strip_prefix("application/").map_or(lower.clone(), str::to_owned)
}

/// base64url without padding, white space or stray trailing bits (RFC 7515 section 2, RFC 4648 section 3.5), not
/// empty. Whatever else decodes would let one token have many spellings.
pub(crate) fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok().filter(|bytes| !bytes.is_empty())
}

/// The characters of a bearer token (RFC 6750 section 2.1).
fn is_token68(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte))
}

fn parts(text: &str) -> Refusal {
    Refusal::malformed(match text.split('.').count() {
        3 => "not three base64url parts",
        5 => "five parts: an encrypted token (JWE)",
        _ => "not three parts",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = r#"{"alg":"ES384","typ":"at+jwt","kid":"k"}"#;

    fn compact(header: &str) -> String {
        format!("{}.e30.AAAA", URL_SAFE_NO_PAD.encode(header))
    }

    #[track_caller]
    fn refused(text: &str, code: Code) {
        assert_eq!(Token::parse(text).map(|_| ()).map_err(|refusal| refusal.code), Err(code), "{text}");
    }

    #[test]
    fn a_token_is_taken_apart() {
        let text = compact(HEADER);
        let token = Token::parse(&text).unwrap();
        let header = Header { alg: "ES384".into(), typ: Some("at+jwt".into()), kid: Some("k".into()), extended: false };
        assert_eq!(token.header, header);
        assert_eq!((token.payload.as_slice(), token.signature.as_slice()), (&b"{}"[..], &[0, 0, 0][..]));
        assert_eq!(token.signed, text.strip_suffix(".AAAA").unwrap());
    }

    #[test]
    fn a_single_part_is_opaque() {
        refused("Xk2vJ0y1c3Qd4f5G6h7J8k9L0m1N2b3V4c5X6z7A8s9", Code::OpaqueToken);
    }

    #[test]
    fn other_numbers_of_parts_are_malformed() {
        let text = compact(HEADER);
        for text in ["", ".", "..", "...", "a.b", &format!("{text}."), &format!(".{text}"), &format!("{text}.{text}")] {
            refused(text, if text.is_empty() { Code::OpaqueToken } else { Code::MalformedToken });
        }
        refused("{\"payload\":\"e30\"}", Code::MalformedToken);
    }

    #[test]
    fn base64url_has_one_spelling() {
        let header = URL_SAFE_NO_PAD.encode(HEADER);
        assert!(Token::parse(&format!("{header}.e30.AA")).is_ok());
        for bad in ["AA==", "AB", "A", "A A", "AA\n", "+/+/", " AA", "AA ", "\u{e4}"] {
            refused(&format!("{header}.e30.{bad}"), Code::MalformedToken);
            refused(&format!("{header}.{bad}.AA"), Code::MalformedToken);
            refused(&format!("{bad}.e30.AA"), Code::MalformedToken);
        }
    }

    #[test]
    fn a_token_over_16_kib_is_refused_undecoded() {
        let fits = format!("{}.e30.{}", URL_SAFE_NO_PAD.encode(HEADER), "A".repeat(16_000));
        assert!(Token::parse(&fits).is_ok());
        refused(&"A".repeat(LONGEST_TOKEN + 1), Code::MalformedToken);
    }

    #[test]
    fn a_header_that_is_not_what_it_should_be_is_malformed() {
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
            refused(&compact(header), Code::MalformedToken);
        }
    }

    #[test]
    fn a_deeply_nested_header_is_malformed() {
        let nested = |depth: usize| format!(r#"{{"alg":"ES384","z":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        assert!(Token::parse(&compact(&nested(3))).is_ok());
        for depth in [4, 5, 127, 5000] {
            refused(&compact(&nested(depth)), Code::MalformedToken);
        }
    }

    #[test]
    fn extensions_are_seen_whatever_their_value() {
        for member in [r#""crit":[]"#, r#""crit":null"#, r#""crit":["exp"]"#, r#""b64":true"#, r#""b64":false"#] {
            let text = compact(&format!(r#"{{"alg":"ES384",{member}}}"#));
            assert!(Token::parse(&text).unwrap().header.extended, "{member}");
        }
    }
}
