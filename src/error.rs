//! Why a request is refused: one table of codes, statuses, messages and challenges.

use serde_json::{Map, Value, json};

/// Longest text that [`Refusal::detail`] keeps of anything that came with a token, in characters.
const LONGEST_DETAIL: usize = 200;

/// Why a token, or a request without one, is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Neither cookie nor header holds a token.
    MissingToken,
    /// Two different tokens, where there must be one.
    AmbiguousToken,
    /// A reference, not a JWT (Logto: 43 characters, when no resource was named).
    OpaqueToken,
    /// Not a compact JWS with a JSON object as header and payload.
    MalformedToken,
    /// `alg` is not on the allow-list.
    UnsupportedAlgorithm,
    /// `typ` is not the one required (RFC 9068 section 4): an ID token, say.
    InvalidTokenType,
    /// No key of the set has this `kid` and fits this `alg`.
    UnknownKey,
    /// The signature does not hold under that key.
    InvalidSignature,
    /// A claim is missing or of the wrong type.
    InvalidClaims,
    /// `iss` is none of the issuers.
    InvalidIssuer,
    /// `aud` holds none of the audiences.
    InvalidAudience,
    /// `exp` has passed.
    TokenExpired,
    /// `nbf` is still to come.
    TokenNotActive,
    /// The application's own `isRevoked` said so.
    TokenRevoked,
    /// The token is of another organization, or of one where it must be of none.
    WrongOrganization,
    /// A scope is missing.
    MissingScope,
    /// A role is missing.
    MissingRole,
    /// The key set cannot be had.
    JwksUnavailable,
}

/// What a `WWW-Authenticate` challenge says (RFC 6750 section 3).
enum Challenge {
    /// None: the server's fault, not the client's.
    None,
    /// The scheme alone: the request carried no credentials.
    Scheme,
    /// The scheme with this `error`.
    Error(&'static str),
}

impl Code {
    /// Every code, in the order of the contract.
    pub const ALL: [Self; 18] = [
        Self::MissingToken,
        Self::AmbiguousToken,
        Self::OpaqueToken,
        Self::MalformedToken,
        Self::UnsupportedAlgorithm,
        Self::InvalidTokenType,
        Self::UnknownKey,
        Self::InvalidSignature,
        Self::InvalidClaims,
        Self::InvalidIssuer,
        Self::InvalidAudience,
        Self::TokenExpired,
        Self::TokenNotActive,
        Self::TokenRevoked,
        Self::WrongOrganization,
        Self::MissingScope,
        Self::MissingRole,
        Self::JwksUnavailable,
    ];

    /// The table: code, HTTP status, message (completed by [`Refusal::subject`] where it ends in a colon), challenge.
    const fn row(self) -> (&'static str, u16, &'static str, Challenge) {
        use Challenge::{Error, None, Scheme};
        const TOKEN: Challenge = Error("invalid_token");
        const SCOPE: Challenge = Error("insufficient_scope");
        match self {
            Self::MissingToken => ("missing_token", 401, "No token found in cookies or Authorization header", Scheme),
            Self::AmbiguousToken => (
                "ambiguous_token",
                400,
                "More than one token found (two Authorization values, two different cookies of that name)",
                Error("invalid_request"),
            ),
            Self::OpaqueToken => (
                "opaque_token",
                401,
                "Token is opaque, not a JWT: request it for an API resource (resource parameter)",
                TOKEN,
            ),
            Self::MalformedToken => ("malformed_token", 401, "Token is not a valid JWT", TOKEN),
            Self::UnsupportedAlgorithm => {
                ("unsupported_algorithm", 401, "Token is signed with an algorithm that is not accepted", TOKEN)
            }
            Self::InvalidTokenType => ("invalid_token_type", 401, "Token is not an access token", TOKEN),
            Self::UnknownKey => ("unknown_key", 401, "Token is signed with an unknown key", TOKEN),
            Self::InvalidSignature => ("invalid_signature", 401, "Token signature is invalid", TOKEN),
            Self::InvalidClaims => ("invalid_claims", 401, "Token has a missing or malformed claim: ", TOKEN),
            Self::InvalidIssuer => ("invalid_issuer", 401, "Token was issued by another server", TOKEN),
            Self::InvalidAudience => ("invalid_audience", 401, "Token was issued for another audience", TOKEN),
            Self::TokenExpired => ("token_expired", 401, "Token has expired", TOKEN),
            Self::TokenNotActive => ("token_not_active", 401, "Token is not valid yet", TOKEN),
            Self::TokenRevoked => ("token_revoked", 401, "Token has been revoked", TOKEN),
            Self::WrongOrganization => ("wrong_organization", 403, "Token belongs to another organization", SCOPE),
            Self::MissingScope => ("missing_scope", 403, "Missing required scope: ", SCOPE),
            Self::MissingRole => ("missing_role", 403, "Missing required role: ", SCOPE),
            Self::JwksUnavailable => ("jwks_unavailable", 503, "Signing keys are unavailable, try again later", None),
        }
    }

    /// The code as the contract spells it, `token_expired` for instance.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status that answers it.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.row().1
    }

    /// The code of that name.
    ///
    /// ```
    /// use logto_authkit::error::Code;
    /// assert_eq!(Code::named("token_expired"), Some(Code::TokenExpired));
    /// assert_eq!(Code::named("expired"), None);
    /// ```
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.name() == name)
    }
}

/// A refusal: a [`Code`] with what a client may read and what an operator needs.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Why.
    pub code: Code,
    /// What completes the message: the claim, the missing scopes or roles.
    pub subject: Option<String>,
    /// The scopes that would do, space separated: the challenge's `scope` (RFC 6750 section 3).
    pub scope: Option<String>,
    /// Seconds after which a new try makes sense: `Retry-After` (RFC 9110 section 10.2.3).
    pub retry_after: Option<u64>,
    /// What an operator needs, never for a client. Holds no token, signature or cookie.
    pub details: Map<String, Value>,
    /// The fault underneath, in words, never for a client.
    pub cause: Option<String>,
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self { code, subject: None, scope: None, retry_after: None, details: Map::new(), cause: None }
    }
}

impl Refusal {
    /// A [`Code::MalformedToken`] with the reason for the operator.
    #[must_use]
    pub fn malformed(reason: &str) -> Self {
        Self::from(Code::MalformedToken).detail("reason", reason)
    }

    /// The message, which a client may see.
    ///
    /// ```
    /// use logto_authkit::error::{Code, Refusal};
    /// let refusal = Refusal { subject: Some("exp".into()), ..Code::InvalidClaims.into() };
    /// assert_eq!(refusal.message(), "Token has a missing or malformed claim: exp");
    /// ```
    #[must_use]
    pub fn message(&self) -> String {
        format!("{}{}", self.code.row().2, self.subject.as_deref().unwrap_or_default())
    }

    /// The `WWW-Authenticate` value (RFC 6750 section 3), none for an outage.
    #[must_use]
    pub fn challenge(&self) -> Option<String> {
        match self.code.row().3 {
            Challenge::None => None,
            Challenge::Scheme => Some("Bearer".into()),
            Challenge::Error(error) => {
                let scope = self.scope.as_deref().map(|scope| format!(", scope=\"{}\"", quotable(scope)));
                Some(format!(
                    "Bearer error=\"{error}\"{}, error_description=\"{}\"",
                    scope.unwrap_or_default(),
                    quotable(&self.message())
                ))
            }
        }
    }

    /// Adds a detail for the operator. Texts are made safe for a log line: control characters are escaped
    /// (log injection) and what is over 200 characters is cut.
    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.into(), loggable(value.into()));
        self
    }
}

fn loggable(value: Value) -> Value {
    match value {
        Value::String(text) => {
            let cut = if text.chars().count() > LONGEST_DETAIL { "…" } else { "" };
            let kept: String = text.chars().take(LONGEST_DETAIL).flat_map(escape_control).collect();
            json!(format!("{kept}{cut}"))
        }
        Value::Array(items) => items.into_iter().take(16).map(loggable).collect(),
        other => other,
    }
}

fn escape_control(char: char) -> Vec<char> {
    // Besides C0, C1 and DEL: line separators, and what hides or reorders what a terminal shows.
    let harmful = char.is_control()
        || matches!(char, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    if harmful { char.escape_unicode().collect() } else { vec![char] }
}

/// RFC 6750 section 3 allows %x20-21 / %x23-5B / %x5D-7E inside the quotes; role names may hold anything.
fn quotable(text: &str) -> String {
    text.chars().map(|c| if matches!(c, ' '..='~') && c != '"' && c != '\\' { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_found_by_its_name() {
        for code in Code::ALL {
            assert_eq!(Code::named(code.name()), Some(code));
        }
    }

    #[test]
    fn no_token_is_challenged_with_the_scheme_alone() {
        assert_eq!(Refusal::from(Code::MissingToken).challenge().as_deref(), Some("Bearer"));
    }

    #[test]
    fn an_outage_is_not_challenged() {
        assert_eq!(Refusal::from(Code::JwksUnavailable).challenge(), None);
    }

    #[test]
    fn a_missing_scope_names_the_scopes_that_would_do() {
        let refusal = Refusal { subject: Some("b".into()), scope: Some("a b".into()), ..Code::MissingScope.into() };
        assert_eq!(
            refusal.challenge().as_deref(),
            Some(r#"Bearer error="insufficient_scope", scope="a b", error_description="Missing required scope: b""#)
        );
    }

    #[test]
    fn a_role_cannot_break_out_of_the_challenge() {
        let refusal = Refusal { subject: Some("a\"b\\c\r\nX: y\u{e9}".into()), ..Code::MissingRole.into() };
        assert_eq!(
            refusal.challenge().as_deref(),
            Some(r#"Bearer error="insufficient_scope", error_description="Missing required role: a?b?c??X: y?""#)
        );
    }

    #[test]
    fn details_are_safe_for_a_log_line() {
        let refusal = Refusal::from(Code::UnknownKey).detail("kid", format!("a\nb\u{1b}[31m{}", "x".repeat(999)));
        let kid = refusal.details["kid"].as_str().unwrap_or_default();
        assert!(kid.starts_with("a\\u{a}b\\u{1b}[31mxxx"), "{kid}");
        assert!(kid.ends_with("x…") && kid.chars().count() < 230, "{kid}");
    }
}
