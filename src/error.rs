//! The error codes with their statuses, titles, messages and challenges, and [`Rejection`], the error for one request.

use serde_json::{Map, Value, json};

use crate::challenge::Challenge;
use crate::reason::Reason;

/// Maximum number of characters per string in [`Rejection::details`].
const MAX_DETAIL_CHARS: usize = 200;

/// The properties of an error that are the same for every request.
pub struct ErrorDefinition {
    /// The stable code, which is part of the public contract.
    pub name: &'static str,
    /// The HTTP status of the response.
    pub status: u16,
    /// The `error` member of the response body.
    pub title: &'static str,
    /// The message for the client. [`Rejection::subject`] is appended if the message ends in a colon and a space, and
    /// otherwise replaces the message.
    pub message: &'static str,
    /// The `WWW-Authenticate` challenge.
    pub challenge: Challenge,
}

/// Declares [`ErrorCode`] and the [`ErrorDefinition`] of each code from one table.
macro_rules! errors {
    ($($(#[$doc:meta])* $code:ident => $name:literal, $status:literal, $title:ident, $challenge:ident, $message:literal;)*) => {
        /// The reason for rejecting a request.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ErrorCode { $($(#[$doc])* $code,)* }

        impl ErrorCode {
            /// All codes, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$code),*];

            /// The status, title, message and challenge of errors with this code.
            #[must_use]
            pub const fn definition(self) -> ErrorDefinition {
                match self {
                    $(Self::$code => ErrorDefinition {
                        name: $name,
                        status: $status,
                        title: $title,
                        message: $message,
                        challenge: $challenge,
                    },)*
                }
            }
        }
    };
}

const AUTH_REQUIRED: &str = "Authentication required";
const AUTH_FAILED: &str = "Authentication failed";
const FORBIDDEN: &str = "Forbidden";
const SERVICE_UNAVAILABLE: &str = "Service unavailable";

const NO_CHALLENGE: Challenge = Challenge::None;
const REALM: Challenge = Challenge::Realm;
const INVALID_REQUEST: Challenge = Challenge::Error("invalid_request");
const INVALID_TOKEN: Challenge = Challenge::Error("invalid_token");
const INSUFFICIENT_SCOPE: Challenge = Challenge::Error("insufficient_scope");

errors! {
    /// Neither the token cookie nor the `Authorization` header contains a token.
    MissingToken => "missing_token", 401, AUTH_REQUIRED, REALM, "No token found in cookies or Authorization header";
    /// The cookie or the `Authorization` header contains more than one token.
    AmbiguousToken => "ambiguous_token", 400, AUTH_FAILED, INVALID_REQUEST,
        "More than one token found (two Authorization values, two different cookies of that name)";
    /// The token is an opaque reference rather than a JWT. Logto issues opaque tokens to clients that do not request
    /// an API resource.
    OpaqueToken => "opaque_token", 401, AUTH_FAILED, INVALID_TOKEN,
        "Token is opaque, not a JWT: request it for an API resource (resource parameter)";
    /// The token is not a compact JWS whose header and payload are JSON objects.
    MalformedToken => "malformed_token", 401, AUTH_FAILED, INVALID_TOKEN, "Token is not a valid JWT";
    /// The `alg` is not on the allow-list.
    UnsupportedAlgorithm => "unsupported_algorithm", 401, AUTH_FAILED, INVALID_TOKEN,
        "Token is signed with an algorithm that is not accepted";
    /// The `typ` of the token is not the required type (RFC 9068 section 4). ID tokens, for example, have a different
    /// `typ`.
    InvalidTokenType => "invalid_token_type", 401, AUTH_FAILED, INVALID_TOKEN, "Token is not an access token";
    /// The key set contains no key with the token's `kid` that supports the token's `alg`.
    UnknownKey => "unknown_key", 401, AUTH_FAILED, INVALID_TOKEN, "Token is signed with an unknown key";
    /// The signature is invalid.
    InvalidSignature => "invalid_signature", 401, AUTH_FAILED, INVALID_TOKEN, "Token signature is invalid";
    /// A claim is missing or has the wrong type.
    InvalidClaims => "invalid_claims", 401, AUTH_FAILED, INVALID_TOKEN, "Token has a missing or malformed claim: ";
    /// The `iss` claim is not one of the accepted issuers.
    InvalidIssuer => "invalid_issuer", 401, AUTH_FAILED, INVALID_TOKEN, "Token was issued by another server";
    /// The `aud` claim contains none of the accepted audiences.
    InvalidAudience => "invalid_audience", 401, AUTH_FAILED, INVALID_TOKEN, "Token was issued for another audience";
    /// The `exp` claim is in the past, or the token is older than `maxTokenAge`.
    TokenExpired => "token_expired", 401, AUTH_FAILED, INVALID_TOKEN, "Token has expired";
    /// The `nbf` claim is in the future, or `maxTokenAge` is set and the `iat` claim is in the future.
    TokenNotActive => "token_not_active", 401, AUTH_FAILED, INVALID_TOKEN, "Token is not valid yet";
    /// A revocation covers the token, or the application's `isRevoked` returned true.
    TokenRevoked => "token_revoked", 401, AUTH_FAILED, INVALID_TOKEN, "Token has been revoked";
    /// The token does not belong to the required organization, or it belongs to an organization when the API requires a
    /// token without one.
    WrongOrganization => "wrong_organization", 403, FORBIDDEN, INSUFFICIENT_SCOPE, "Token belongs to another organization";
    /// The token lacks a required scope.
    MissingScope => "missing_scope", 403, FORBIDDEN, INSUFFICIENT_SCOPE, "Missing required scope: ";
    /// The token lacks a required role.
    MissingRole => "missing_role", 403, FORBIDDEN, INSUFFICIENT_SCOPE, "Missing required role: ";
    /// The application does not permit the request.
    Forbidden => "forbidden", 403, FORBIDDEN, INSUFFICIENT_SCOPE, "Not permitted";
    /// No usable keys are available.
    JwksUnavailable => "jwks_unavailable", 503, SERVICE_UNAVAILABLE, NO_CHALLENGE,
        "Signing keys are unavailable, try again later";
    /// Too many expensive signature checks are waiting, or the check of this token has waited too long.
    Overloaded => "overloaded", 503, SERVICE_UNAVAILABLE, NO_CHALLENGE, "Too many tokens to verify, try again later";
    /// The policy limits the age of this process's copy of the revocations, and the copy is too old or not loaded yet.
    RevocationsUnavailable => "revocations_unavailable", 503, SERVICE_UNAVAILABLE, NO_CHALLENGE,
        "Revocations are unavailable, try again later";
}

impl ErrorCode {
    /// The name of the code in responses, for example `token_expired`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.definition().name
    }

    /// The HTTP status of the response.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.definition().status
    }

    /// The code with this name.
    ///
    /// ```
    /// use logto_authkit::error::ErrorCode;
    /// assert_eq!(ErrorCode::from_name("token_expired"), Some(ErrorCode::TokenExpired));
    /// assert_eq!(ErrorCode::from_name("expired"), None);
    /// ```
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }
}

/// The error for a rejected request: an [`ErrorCode`], with a message for the client and details for the operator.
#[derive(Clone, Debug)]
pub struct Rejection {
    /// The error code.
    pub code: ErrorCode,
    /// The end of the message: the malformed claim, or the missing scopes or roles. With [`ErrorCode::Forbidden`], this
    /// field is the whole message.
    pub subject: Option<String>,
    /// The parts of the message and the challenge that depend on the options.
    pub wording: Option<Box<Wording>>,
    /// The required scopes, separated by spaces, for the `scope` parameter of the challenge (RFC 6750 section 3).
    pub scope: Option<Box<str>>,
    /// The number of seconds after which the client should retry, for `Retry-After` (RFC 9110 section 10.2.3).
    pub retry_after: Option<u32>,
    /// Details for the operator. The details contain no token, signature or cookie, and are never sent to a client.
    pub details: Map<String, Value>,
    /// The underlying error, which is never sent to a client.
    pub cause: Option<Box<str>>,
    /// Node's code for the underlying error, such as `ECONNREFUSED`.
    pub cause_code: Option<&'static str>,
}

/// The parts of a rejection's message and challenge that depend on the options.
#[derive(Clone, Debug)]
pub struct Wording {
    /// A message that replaces the default message of the code.
    pub message: Option<&'static str>,
    /// A realm that replaces the default realm of the challenge.
    pub realm: Option<String>,
}

impl From<ErrorCode> for Rejection {
    fn from(code: ErrorCode) -> Self {
        Self {
            code,
            subject: None,
            wording: None,
            scope: None,
            retry_after: None,
            details: Map::new(),
            cause: None,
            cause_code: None,
        }
    }
}

impl Rejection {
    /// An [`ErrorCode::MalformedToken`] rejection with a reason for the operator.
    #[must_use]
    pub fn malformed_token(reason: Reason) -> Self {
        Self::from(ErrorCode::MalformedToken).reason(reason)
    }

    /// An [`ErrorCode::MalformedToken`] rejection for a header or payload with this problem.
    #[must_use]
    pub fn unreadable_part(reason: Reason, problem: &str) -> Self {
        Self::malformed_token(reason).detail("problem", problem)
    }

    /// The message for the client.
    ///
    /// ```
    /// use logto_authkit::error::{ErrorCode, Rejection};
    /// let rejection = Rejection { subject: Some("exp".into()), ..ErrorCode::InvalidClaims.into() };
    /// assert_eq!(rejection.message(), "Token has a missing or malformed claim: exp");
    /// ```
    #[must_use]
    pub fn message(&self) -> String {
        let message = self.wording.as_ref().and_then(|wording| wording.message);
        let message = message.unwrap_or(self.code.definition().message);
        match self.subject.as_deref() {
            Some(subject) if message.ends_with(": ") => format!("{message}{subject}"),
            Some(subject) => subject.to_owned(),
            None => message.to_owned(),
        }
    }

    /// The `WWW-Authenticate` value (RFC 6750 section 3).
    #[must_use]
    pub fn challenge(&self) -> Option<String> {
        let challenge = self.code.definition().challenge;
        let prefix = challenge.prefix()?;
        if matches!(challenge, Challenge::Realm) {
            let realm = self.wording.as_ref().and_then(|wording| wording.realm.as_deref());
            return Some(realm.map_or(prefix, |realm| format!("Bearer realm=\"{realm}\"")));
        }
        let scope = self
            .scope
            .as_deref()
            .map(|scope| format!(", scope=\"{}\"", sanitize_for_quoted_string(scope)))
            .unwrap_or_default();
        Some(format!("{prefix}{scope}, error_description=\"{}\"", sanitize_for_quoted_string(&self.message())))
    }

    /// Adds the reason for the rejection to the details for the operator.
    #[must_use]
    pub fn reason(self, reason: Reason) -> Self {
        self.detail("reason", reason.word())
    }

    /// Adds a detail that only operators see. Control characters are escaped to prevent log injection, and long strings
    /// are truncated.
    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.into(), sanitize_detail(value.into()));
        self
    }
}

fn sanitize_detail(value: Value) -> Value {
    match value {
        Value::String(text) => json!(to_printable(&text, MAX_DETAIL_CHARS)),
        Value::Array(items) => items.into_iter().take(16).map(sanitize_detail).collect(),
        other => other,
    }
}

/// Makes untrusted text safe for a log line or an error message. The text is truncated to `max_chars` characters, and
/// control characters and characters that hide or reorder text in a terminal are escaped.
#[must_use]
pub fn to_printable(text: &str, max_chars: usize) -> String {
    let ellipsis = if text.chars().count() > max_chars { "…" } else { "" };
    let kept_chars: String = text.chars().take(max_chars).flat_map(escape_invisible).collect();
    kept_chars + ellipsis
}

fn escape_invisible(char: char) -> Vec<char> {
    if is_invisible(char) { char.escape_unicode().collect() } else { vec![char] }
}

/// Whether a character is a control character, or hides or reorders text.
pub(crate) fn is_invisible(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Replaces the characters that RFC 6750 section 3 forbids in a quoted string, because role names may contain any
/// character.
fn sanitize_for_quoted_string(text: &str) -> String {
    text.chars().map(|c| if matches!(c, ' '..='~') && c != '"' && c != '\\' { c } else { '?' }).collect()
}

/// Returns the rejection as an error unless the condition holds.
pub(crate) fn ensure(condition: bool, rejection: impl FnOnce() -> Rejection) -> Result<(), Rejection> {
    if condition { Ok(()) } else { Err(rejection()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_code_by_its_name() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_name(code.name()), Some(*code));
        }
    }

    #[test]
    fn challenges_a_missing_token_with_the_realm() {
        assert_eq!(Rejection::from(ErrorCode::MissingToken).challenge().as_deref(), Some("Bearer realm=\"api\""));
        let wording = Wording { realm: Some("orders".into()), message: None };
        let rejection = Rejection { wording: Some(wording.into()), ..ErrorCode::MissingToken.into() };
        assert_eq!(rejection.challenge().as_deref(), Some("Bearer realm=\"orders\""));
    }

    #[test]
    fn does_not_challenge_an_outage() {
        assert_eq!(Rejection::from(ErrorCode::JwksUnavailable).challenge(), None);
    }

    #[test]
    fn names_the_required_scopes_in_the_challenge() {
        let rejection =
            Rejection { subject: Some("b".into()), scope: Some("a b".into()), ..ErrorCode::MissingScope.into() };
        assert_eq!(
            rejection.challenge().as_deref(),
            Some(r#"Bearer error="insufficient_scope", scope="a b", error_description="Missing required scope: b""#)
        );
    }

    #[test]
    fn replaces_the_message_of_the_application() {
        assert_eq!(Rejection::from(ErrorCode::Forbidden).message(), "Not permitted");
        let rejection = Rejection { subject: Some("Members only".into()), ..ErrorCode::Forbidden.into() };
        assert_eq!(rejection.message(), "Members only");
        assert_eq!(
            rejection.challenge().as_deref(),
            Some(r#"Bearer error="insufficient_scope", error_description="Members only""#)
        );
    }

    #[test]
    fn keeps_a_role_inside_the_quotes_of_the_challenge() {
        let rejection = Rejection { subject: Some("a\"b\\c\r\nX: y\u{e9}".into()), ..ErrorCode::MissingRole.into() };
        assert_eq!(
            rejection.challenge().as_deref(),
            Some(r#"Bearer error="insufficient_scope", error_description="Missing required role: a?b?c??X: y?""#)
        );
    }

    #[test]
    fn makes_details_safe_for_a_log_line() {
        let rejection =
            Rejection::from(ErrorCode::UnknownKey).detail("kid", format!("a\nb\u{1b}[31m{}", "x".repeat(999)));
        let kid = rejection.details["kid"].as_str().unwrap_or_default();
        assert!(kid.starts_with("a\\u{a}b\\u{1b}[31mxxx"), "{kid}");
        assert!(kid.ends_with("x…") && kid.chars().count() < 230, "{kid}");
    }
}
