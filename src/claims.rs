//! Typed claims and their checks, which need no keys and receive the current time from callers.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{ErrorCode, Rejection, is_invisible};
use crate::json::{Object, WrongType};
use crate::reason::Reason;
pub use crate::subject::{Subject, SubjectType};

/// Latest time that a claim may contain, as Unix time in seconds: the end of the year 9999. A token with a later `exp`,
/// such as 1e22, would practically never expire.
pub(crate) const MAX_NUMERIC_DATE: f64 = 253_402_300_799.0;

/// The prefix that precedes the organization id in the audience of an organization token.
const ORGANIZATION_AUDIENCE: &str = "urn:logto:organization:";

/// The value of the `audience` option that accepts an organization token for any organization.
pub const ANY_ORGANIZATION: &str = "urn:logto:organization:*";

/// How many seconds in the future the `iat` of a token may be if `maxTokenAge` is set, because clocks may differ
/// slightly.
const MAX_IAT_SECONDS_IN_FUTURE: f64 = 60.0;

/// The member of `events` that marks a logout token.
pub(crate) const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Maximum nesting depth of the JSON in a payload, which is also `serde_json`'s own limit.
pub(crate) const MAX_PAYLOAD_DEPTH: usize = 128;

/// A claim, or an error if the claim is malformed. The error is reported when the claim is checked.
type Claim<T> = Result<T, WrongType>;

/// The claims that the pipeline checks (RFC 7519 section 4.1, RFC 9068 section 2.2 and Logto's own claims), and the
/// complete payload.
#[derive(Clone, Debug)]
pub struct Claims {
    issuer: Claim<String>,
    audience: Claim<Vec<String>>,
    expires: Claim<f64>,
    not_before: Claim<Option<f64>>,
    issued_at: Claim<Option<f64>>,
    subject: Claim<String>,
    scopes: Claim<Vec<String>>,
    client: Claim<Option<String>>,
    organization: Claim<Option<String>>,
    /// Whether the `events` claim marks a logout token.
    has_logout_event: bool,
    payload: String,
}

impl Claims {
    /// Parses a payload. A malformed claim causes an error only when that claim is checked.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::MalformedToken`] if the payload is not a JSON object or has duplicate members.
    pub fn parse(payload: &[u8]) -> Result<Self, Rejection> {
        #[cfg(feature = "test-panic")]
        crate::panic_on_test_input(payload);
        let object = Object::parse(payload, MAX_PAYLOAD_DEPTH)
            .map_err(|problem| Rejection::unreadable_part(Reason::InvalidPayload, problem))?;
        let time = |name| object.get_as(name).and_then(|time| time.map(check_time_range).transpose());
        Ok(Self {
            issuer: object.get_as("iss").and_then(required),
            audience: audience(object.get("aud")),
            expires: time("exp").and_then(required),
            not_before: time("nbf"),
            issued_at: time("iat"),
            subject: object
                .get_as("sub")
                .and_then(required)
                .and_then(|sub: String| if is_blank(&sub) { Err(WrongType) } else { Ok(sub) }),
            scopes: object.get_as::<String>("scope").map(|scope| split_words(&scope.unwrap_or_default())),
            client: object.get_as("client_id"),
            organization: object.get_as("organization_id"),
            has_logout_event: object
                .get_as::<Object>("events")
                .is_ok_and(|events| events.is_some_and(|events| events.get(LOGOUT_EVENT).is_some())),
            // The parser has verified that the payload is UTF-8, so the lossy conversion changes nothing.
            payload: String::from_utf8_lossy(payload).into_owned(),
        })
    }

    /// Whether the payload belongs to a logout token, which reports the end of a session (`OpenID` Connect Back-Channel
    /// Logout 1.0 section 2.4).
    pub(crate) fn is_logout(&self) -> bool {
        self.has_logout_event
    }

    /// Checks that `iss` exactly equals one of the accepted issuers.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidIssuer`], including when `iss` is missing or not a string.
    pub fn check_issuer(&self, issuers: &[String]) -> Result<(), Rejection> {
        match &self.issuer {
            Ok(issuer) if issuers.contains(issuer) => Ok(()),
            Ok(issuer) => Err(Rejection::from(ErrorCode::InvalidIssuer).detail("iss", issuer.as_str())),
            Err(WrongType) => Err(Rejection::from(ErrorCode::InvalidIssuer).reason(Reason::NoIssuer)),
        }
        .map_err(|rejection| rejection.detail("expected", issuers))
    }

    /// Checks that `aud` contains one of the accepted audiences, one of which may be [`ANY_ORGANIZATION`]. With `None`,
    /// any audience is accepted.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidAudience`], including when `aud` is missing or neither a string nor an array of strings.
    pub fn check_audience(&self, audiences: Option<&[String]>) -> Result<(), Rejection> {
        let Some(accepted) = audiences else { return Ok(()) };
        let any_organization = || accepted.iter().any(|accepted| accepted == ANY_ORGANIZATION);
        let is_accepted = |aud: &String| {
            accepted.contains(aud) || organization_of(aud).is_some_and(|id| !id.is_empty()) && any_organization()
        };
        match &self.audience {
            Ok(audience) if audience.iter().any(is_accepted) => Ok(()),
            Ok(audience) => Err(Rejection::from(ErrorCode::InvalidAudience).detail("aud", audience.as_slice())),
            Err(WrongType) => Err(Rejection::from(ErrorCode::InvalidAudience).reason(Reason::NoAudience)),
        }
        .map_err(|rejection| rejection.detail("expected", accepted))
    }

    /// Checks that the token has not expired. A token has expired as soon as the current time equals `exp` (RFC 7519
    /// section 4.1.4). All times are in seconds.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::TokenExpired`]; [`ErrorCode::InvalidClaims`] if `exp` is not a time between 1970 and the year 9999.
    pub fn check_expiry(&self, now: f64, tolerance: f64) -> Result<(), Rejection> {
        let expires = self.expires.map_err(|WrongType| invalid_claim("exp"))?;
        if expires <= now - tolerance {
            return Err(Rejection::from(ErrorCode::TokenExpired).detail("exp", expires).detail("now", now));
        }
        Ok(())
    }

    /// Checks that `nbf`, if present, is not in the future (RFC 7519 section 4.1.5). All times are in seconds.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::TokenNotActive`]; [`ErrorCode::InvalidClaims`] if `nbf` is not a time between 1970 and the year
    /// 9999.
    pub fn check_not_before(&self, now: f64, tolerance: f64) -> Result<(), Rejection> {
        match self.not_before.map_err(|WrongType| invalid_claim("nbf"))? {
            Some(from) if from > now + tolerance => {
                Err(Rejection::from(ErrorCode::TokenNotActive).detail("nbf", from).detail("now", now))
            }
            _ => Ok(()),
        }
    }

    /// Checks that the token was issued at most `max_age` seconds ago, and was not issued in the future. All times are
    /// in seconds.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::TokenExpired`], [`ErrorCode::TokenNotActive`], or [`ErrorCode::InvalidClaims`] if `iat` is missing
    /// or malformed.
    pub fn check_age(&self, now: f64, max_age: Option<f64>) -> Result<(), Rejection> {
        let Some(max_age) = max_age else { return Ok(()) };
        let issued_at = self.issued_at.and_then(required).map_err(|WrongType| invalid_claim("iat"))?;
        let code = if issued_at > now + MAX_IAT_SECONDS_IN_FUTURE {
            ErrorCode::TokenNotActive
        } else if now - issued_at > max_age {
            ErrorCode::TokenExpired
        } else {
            return Ok(());
        };
        Err(Rejection::from(code).detail("iat", issued_at).detail("now", now).detail("maxTokenAge", max_age))
    }

    /// Checks the types of the remaining claims, and returns them as a [`Subject`].
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidClaims`] with the name of the first malformed claim.
    pub fn check_types(&self) -> Result<Subject<'_>, Rejection> {
        self.issued_at.map_err(|WrongType| invalid_claim("iat"))?;
        self.subject.as_ref().map_err(|_| invalid_claim("sub"))?;
        self.scopes.as_ref().map_err(|_| invalid_claim("scope"))?;
        self.client.as_ref().map_err(|_| invalid_claim("client_id"))?;
        self.organization.as_ref().map_err(|_| invalid_claim("organization_id"))?;
        Ok(self.subject_without_malformed_claims())
    }

    /// The subject and permissions, except for malformed claims, for reports on tokens that fail [`Self::check_types`].
    pub(crate) fn subject_without_malformed_claims(&self) -> Subject<'_> {
        let organization_id = self.organization.as_ref().ok().and_then(Option::as_deref);
        Subject {
            user: self.subject.as_deref().unwrap_or_default(),
            scopes: self.scopes.as_deref().unwrap_or_default(),
            client: self.client.as_ref().ok().and_then(Option::as_deref),
            organizations: self.organizations(organization_id),
            payload: &self.payload,
            is_external: false,
        }
    }

    /// Whether `iss` is a string.
    pub(crate) fn has_readable_issuer(&self) -> bool {
        self.issuer.is_ok()
    }

    /// Whether `iat` is well-formed, which means that it is a valid time or absent.
    pub(crate) fn has_well_formed_issue_time(&self) -> bool {
        self.issued_at.is_ok()
    }

    /// Whether `scope` is well-formed, which means that it is a string or absent.
    pub(crate) fn has_readable_scope(&self) -> bool {
        self.scopes.is_ok()
    }

    /// Whether `organization_id` is well-formed, which means that it is a string or absent.
    pub(crate) fn has_well_formed_organization(&self) -> bool {
        self.organization.is_ok()
    }

    /// The organization in the `organization_id` claim, or otherwise the organizations in `aud`, because Logto sets
    /// `organization_id` only in tokens for API resources.
    fn organizations<'a>(&'a self, claimed: Option<&'a str>) -> Vec<&'a str> {
        let audiences = self.audience.as_deref().unwrap_or_default();
        claimed.map_or_else(|| audiences.iter().filter_map(|aud| organization_of(aud)).collect(), |id| vec![id])
    }

    /// The approximate memory usage of the claims, in bytes.
    #[must_use]
    pub fn byte_size(&self) -> usize {
        let list = |list: &Claim<Vec<String>>| {
            list.iter().flatten().map(|text| text.len() + size_of::<String>()).sum::<usize>()
        };
        size_of::<Self>() + 2 * self.payload.len() + list(&self.audience) + list(&self.scopes)
    }
}

/// The organization id in a Logto audience. The id may be empty.
fn organization_of(audience: &str) -> Option<&str> {
    audience.strip_prefix(ORGANIZATION_AUDIENCE)
}

fn audience(claim: Option<&RawValue>) -> Claim<Vec<String>> {
    let json = claim.ok_or(WrongType)?.get();
    serde_json::from_str(json).map(|one| vec![one]).or_else(|_| serde_json::from_str(json)).map_err(|_| WrongType)
}

/// Splits a space-separated list (RFC 6749 section 3.3).
pub(crate) fn split_words(list: &str) -> Vec<String> {
    list.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Whether a string contains only invisible characters. Subjects that consist of invisible characters cannot be told
/// apart in logs and access lists.
pub(crate) fn is_blank(text: &str) -> bool {
    text.chars().all(|char| char.is_whitespace() || is_invisible(char) || is_ignorable_or_blank(char))
}

/// Whether a character is invisible even though it is neither white space nor covered by [`is_invisible`]. The
/// remaining invisible characters are Unicode's other default-ignorable code points (`Default_Ignorable_Code_Point`),
/// the Braille blank, and the null notehead in musical notation.
fn is_ignorable_or_blank(char: char) -> bool {
    matches!(char,
        '\u{ad}' | '\u{34f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{2065}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d159}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

fn check_time_range(time: f64) -> Claim<f64> {
    if (0.0..=MAX_NUMERIC_DATE).contains(&time) { Ok(time) } else { Err(WrongType) }
}

fn required<T>(claim: Option<T>) -> Claim<T> {
    claim.ok_or(WrongType)
}

fn invalid_claim(claim: &str) -> Rejection {
    Rejection { subject: Some(claim.into()), ..ErrorCode::InvalidClaims.into() }
}

/// The `iss` of a payload whose signature has not been verified. Forging `iss` gains an attacker nothing, because it
/// only selects one of several verifiers, and the selected verifier checks the issuer.
#[must_use]
pub fn unverified_issuer(payload: &[u8]) -> Option<String> {
    unverified_claim(payload, "iss")
}

/// The `iat` of a payload whose signature cannot be verified, because the key set does not contain the key. Forging
/// `iat` gains an attacker nothing, because it only determines whether the error is "unknown key" or "a newer key may
/// exist".
#[must_use]
pub fn unverified_issue_time(payload: &[u8]) -> Option<f64> {
    unverified_claim(payload, "iat")
}

fn unverified_claim<'a, T: Deserialize<'a>>(payload: &'a [u8], name: &str) -> Option<T> {
    // Nested members are not parsed, so the parsing time does not depend on their depth.
    Object::parse_top_level(payload).ok()?.get_as(name).ok()?
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: f64 = 1_800_000_000.0;

    /// The claims of a Logto machine-to-machine token. `members` replaces the defaults; [`NO_CLAIM`] removes a claim.
    pub(crate) fn claims(members: Value) -> Claims {
        let mut payload = json!({
            "jti": "QsylamkYCsJsKBRjLhlqXwRiRaAcAUYMvvYzyMMIUr8", "sub": "app", "iat": NOW, "exp": NOW + 3600.0,
            "scope": "read:orders write:orders", "client_id": "app", "iss": "https://t.test/oidc", "aud": "https://api.test",
        });
        let Value::Object(members) = members else { panic!("members") };
        for (name, value) in members {
            if value == NO_CLAIM {
                payload.as_object_mut().unwrap().remove(&name);
            } else {
                payload[name.as_str()] = value;
            }
        }
        Claims::parse(payload.to_string().as_bytes()).unwrap()
    }

    pub(crate) const NO_CLAIM: &str = "\0absent";

    pub(crate) fn strings(items: &[&str]) -> Vec<String> {
        items.iter().map(|item| (*item).to_owned()).collect()
    }

    #[track_caller]
    pub(crate) fn assert_passes(outcome: Result<(), Rejection>) {
        outcome.unwrap();
    }

    #[track_caller]
    pub(crate) fn assert_fails(outcome: Result<(), Rejection>, code: ErrorCode) -> Rejection {
        let rejection = outcome.unwrap_err();
        assert_eq!(rejection.code, code, "{rejection:?}");
        rejection
    }

    #[track_caller]
    fn assert_malformed(outcome: Result<(), Rejection>, claim: &str) {
        let rejection = assert_fails(outcome, ErrorCode::InvalidClaims);
        assert_eq!(rejection.message(), format!("Token has a missing or malformed claim: {claim}"));
    }

    #[test]
    fn rejects_a_payload_that_is_not_an_object() {
        for payload in ["", "null", "[]", "\"sub\"", "1", "{", "{\"sub\":\"a\"}x", "{\"sub\":\"a\",\"sub\":\"b\"}"] {
            let rejection = assert_fails(Claims::parse(payload.as_bytes()).map(drop), ErrorCode::MalformedToken);
            assert_eq!(rejection.message(), "Token is not a valid JWT");
        }
        assert_fails(Claims::parse(b"{\"sub\":\"\xff\"}").map(drop), ErrorCode::MalformedToken);
    }

    #[test]
    fn limits_the_age_of_a_token() {
        let issued = |iat: f64| claims(json!({ "iat": iat })).check_age(NOW, Some(300.0));
        for iat in [NOW - 300.0, NOW, NOW + 60.0] {
            assert_passes(issued(iat));
        }
        let rejection = assert_fails(issued(NOW - 300.5), ErrorCode::TokenExpired);
        assert_eq!(rejection.details["maxTokenAge"], json!(300.0));
        assert_fails(issued(NOW + 60.5), ErrorCode::TokenNotActive);
        assert_malformed(claims(json!({ "iat": NO_CLAIM })).check_age(NOW, Some(300.0)), "iat");
        for iat in [json!(NO_CLAIM), json!(1), json!(NOW + 1e6)] {
            assert_passes(claims(json!({ "iat": iat })).check_age(NOW, None));
        }
    }

    #[test]
    fn a_token_is_valid_until_just_before_exp_plus_the_tolerance() {
        for exp in [NOW + 0.001, NOW + 0.5, NOW + 1.0, 253_402_300_799.0] {
            assert_passes(claims(json!({ "exp": exp })).check_expiry(NOW, 0.0));
        }
        assert_passes(Claims::parse(br#"{"exp":1.8000000015e9}"#).unwrap().check_expiry(NOW, 0.0));
        for (exp, tolerance) in [(NOW, 0.0), (NOW - 1.0, 0.0), (0.0, 0.0), (NOW - 5.0, 5.0)] {
            let outcome = claims(json!({ "exp": exp })).check_expiry(NOW, tolerance);
            assert_eq!(assert_fails(outcome, ErrorCode::TokenExpired).message(), "Token has expired");
        }
        for (exp, tolerance) in [(NOW - 4.0, 5.0), (NOW - 0.25, 0.5)] {
            assert_passes(claims(json!({ "exp": exp })).check_expiry(NOW, tolerance));
        }
    }

    #[test]
    fn a_token_is_valid_from_nbf_minus_the_tolerance() {
        for (nbf, tolerance) in [(json!(NO_CLAIM), 0.0), (json!(1), 0.0), (json!(NOW), 0.0), (json!(NOW + 5.0), 5.0)] {
            assert_passes(claims(json!({ "nbf": nbf })).check_not_before(NOW, tolerance));
        }
        for (nbf, tolerance) in [(NOW + 0.001, 0.0), (NOW + 5.5, 5.0)] {
            let outcome = claims(json!({ "nbf": nbf })).check_not_before(NOW, tolerance);
            assert_eq!(assert_fails(outcome, ErrorCode::TokenNotActive).message(), "Token is not valid yet");
        }
    }

    #[test]
    fn reads_the_iat_of_a_payload_that_is_not_verified() {
        assert_eq!(unverified_issue_time(br#"{"iat":1500,"x":{"y":[]}}"#), Some(1500.0));
        let deep_payload = format!("{{\"iat\":1,\"x\":{}{}}}", "[".repeat(99), "]".repeat(99));
        assert_eq!(unverified_issue_time(deep_payload.as_bytes()), Some(1.0));
        for payload in [r#"{"iat":"1"}"#, "{}", "", "[]", r#"{"iat":1,"iat":2}"#, "{\"iat\":1e999}"] {
            assert_eq!(unverified_issue_time(payload.as_bytes()), None, "{payload}");
        }
    }

    #[test]
    fn b7_recognizes_a_logout_token_by_its_event() {
        let event = |value: Value| json!({ "events": { LOGOUT_EVENT: value, "https://other.test": {} } });
        for value in [json!({}), json!(null), json!(1)] {
            assert!(claims(event(value)).is_logout());
        }
        for events in
            [json!(NO_CLAIM), json!({}), json!([LOGOUT_EVENT]), json!(LOGOUT_EVENT), json!({ "https://a.test": {} })]
        {
            assert!(!claims(json!({ "events": events })).is_logout(), "{events}");
        }
    }

    #[test]
    fn names_the_first_malformed_claim() {
        assert_malformed(claims(json!({ "sub": 1, "scope": 1, "iat": "x" })).check_types().map(drop), "iat");
        assert_malformed(claims(json!({ "sub": 1, "scope": 1 })).check_types().map(drop), "sub");
    }

    #[test]
    fn splits_scope_at_spaces() {
        for (scope, expected) in [
            (json!("b a"), &["b", "a"][..]),
            (json!(" a   b "), &["a", "b"]),
            (json!("a\tb"), &["a\tb"]),
            (json!("a,b"), &["a,b"]),
            (json!(""), &[]),
            (json!(NO_CLAIM), &[]),
        ] {
            assert_eq!(claims(json!({ "scope": scope })).check_types().unwrap().scopes, expected);
        }
    }

    #[test]
    fn reads_the_organization_from_the_claim_or_else_from_the_audience() {
        let organizations = |members| {
            let claims = claims(members);
            claims.check_types().unwrap().organizations.join(",")
        };
        assert_eq!(organizations(json!({})), "");
        assert_eq!(organizations(json!({ "organization_id": "a" })), "a");
        assert_eq!(organizations(json!({ "aud": "urn:logto:organization:b" })), "b");
        assert_eq!(organizations(json!({ "aud": ["x", "urn:logto:organization:b"] })), "b");
        assert_eq!(organizations(json!({ "organization_id": "a", "aud": "urn:logto:organization:b" })), "a");
        assert_eq!(organizations(json!({ "aud": "xurn:logto:organization:b" })), "");
        assert_eq!(organizations(json!({ "aud": ["urn:logto:organization:a", "urn:logto:organization:b"] })), "a,b");
    }

    #[test]
    fn a_large_payload_has_a_large_byte_size() {
        let small_size = claims(json!({})).byte_size();
        let large_size = claims(json!({ "custom": "x".repeat(10_000) })).byte_size();
        assert!((500..1_600).contains(&small_size), "{small_size}");
        assert!(large_size > small_size + 10_000, "{large_size}");
    }
}
