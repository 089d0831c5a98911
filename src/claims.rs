//! Typed claims, and one check each. Knows no key and no clock: `now` is an argument.

use serde_json::value::RawValue;

use crate::error::{Code, Refusal};
use crate::json::{Object, WrongType};

/// Latest time that makes sense, in seconds since 1970: the end of the year 9999. What is beyond is no time
/// but a way round `exp` (1e22, say).
const LATEST: f64 = 253_402_300_799.0;

/// What stands before the id in the audience of a Logto organization token.
const ORGANIZATION_AUDIENCE: &str = "urn:logto:organization:";

/// Deepest nesting of a payload, `serde_json`'s own limit.
pub(crate) const DEEPEST_PAYLOAD: usize = 128;

/// A claim, or that it is not what it should be: found out once, said in its turn.
type Claim<T> = Result<T, WrongType>;

/// The claims that are checked (RFC 7519 section 4.1, RFC 9068 section 2.2, Logto's own), and all as they came.
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
    payload: String,
}

impl Claims {
    /// Reads a payload. Claims that are not what they should be are refused by their check.
    ///
    /// # Errors
    ///
    /// [`Code::MalformedToken`] if it is not a JSON object without duplicate members.
    pub fn parse(payload: &[u8]) -> Result<Self, Refusal> {
        #[cfg(feature = "planted-panic")]
        crate::planted_panic(payload);
        let object = Object::parse(payload, DEEPEST_PAYLOAD)
            .map_err(|reason| Refusal::malformed(&format!("payload: {reason}")))?;
        let time = |name| object.typed(name).and_then(|time| time.map(plausible).transpose());
        Ok(Self {
            issuer: object.typed("iss").and_then(present),
            audience: audience(object.get("aud")),
            expires: time("exp").and_then(present),
            not_before: time("nbf"),
            issued_at: time("iat"),
            subject: object
                .typed("sub")
                .and_then(present)
                .and_then(|sub: String| if sub.is_empty() { Err(WrongType) } else { Ok(sub) }),
            scopes: object.typed::<String>("scope").map(|scope| words(&scope.unwrap_or_default())),
            client: object.typed("client_id"),
            organization: object.typed("organization_id"),
            // UTF-8 was checked by the parser; a lossy conversion of valid text is the text.
            payload: String::from_utf8_lossy(payload).into_owned(),
        })
    }

    /// `iss` must be one of these, to the letter.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidIssuer`], also if it is missing or no string.
    pub fn check_issuer(&self, issuers: &[String]) -> Result<(), Refusal> {
        match &self.issuer {
            Ok(issuer) if issuers.contains(issuer) => Ok(()),
            Ok(issuer) => Err(Refusal::from(Code::InvalidIssuer).detail("iss", issuer.as_str())),
            Err(WrongType) => Err(Refusal::from(Code::InvalidIssuer).detail("reason", "iss is missing or malformed")),
        }
        .map_err(|refusal| refusal.detail("expected", issuers))
    }

    /// `aud` must hold one of these, to the letter; None turns the check off.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidAudience`], also if it is missing or not a string or a list of strings.
    pub fn check_audience(&self, audiences: Option<&[String]>) -> Result<(), Refusal> {
        let Some(accepted) = audiences else { return Ok(()) };
        match &self.audience {
            Ok(audience) if audience.iter().any(|aud| accepted.contains(aud)) => Ok(()),
            Ok(audience) => Err(Refusal::from(Code::InvalidAudience).detail("aud", audience.as_slice())),
            Err(WrongType) => Err(Refusal::from(Code::InvalidAudience).detail("reason", "aud is missing or malformed")),
        }
        .map_err(|refusal| refusal.detail("expected", accepted))
    }

    /// The token must not have expired (RFC 7519 section 4.1.4: on or after `exp` it has). Seconds.
    ///
    /// # Errors
    ///
    /// [`Code::TokenExpired`]; [`Code::InvalidClaims`] without a time between 0 and the year 9999.
    pub fn check_expiry(&self, now: f64, tolerance: f64) -> Result<(), Refusal> {
        let expires = self.expires.map_err(|WrongType| invalid("exp"))?;
        if expires <= now - tolerance {
            return Err(Refusal::from(Code::TokenExpired).detail("exp", expires).detail("now", now));
        }
        Ok(())
    }

    /// The token must have begun to be valid (RFC 7519 section 4.1.5). Seconds.
    ///
    /// # Errors
    ///
    /// [`Code::TokenNotActive`]; [`Code::InvalidClaims`] if `nbf` is there and no such time.
    pub fn check_not_before(&self, now: f64, tolerance: f64) -> Result<(), Refusal> {
        match self.not_before.map_err(|WrongType| invalid("nbf"))? {
            Some(from) if from > now + tolerance => {
                Err(Refusal::from(Code::TokenNotActive).detail("nbf", from).detail("now", now))
            }
            _ => Ok(()),
        }
    }

    /// What the context is made of must have the right types.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidClaims`] with the first claim that has not.
    pub fn check_types(&self) -> Result<Subject<'_>, Refusal> {
        self.issued_at.map_err(|WrongType| invalid("iat"))?;
        let user = self.subject.as_ref().map_err(|_| invalid("sub"))?;
        let scopes = self.scopes.as_ref().map_err(|_| invalid("scope"))?;
        let client = self.client.as_ref().map_err(|_| invalid("client_id"))?.as_deref();
        let claimed = self.organization.as_ref().map_err(|_| invalid("organization_id"))?.as_deref();
        Ok(Subject { user, scopes, client, organizations: self.organizations(claimed), payload: &self.payload })
    }

    /// The claim, else the ids in the audiences. A resource's token has the claim, a plain organization token
    /// only the audience (Logto).
    fn organizations<'a>(&'a self, claimed: Option<&'a str>) -> Vec<&'a str> {
        let audiences = self.audience.as_deref().unwrap_or_default();
        claimed.map_or_else(
            || audiences.iter().filter_map(|aud| aud.strip_prefix(ORGANIZATION_AUDIENCE)).collect(),
            |id| vec![id],
        )
    }

    /// Bytes that this takes in memory, roughly.
    #[must_use]
    pub fn weight(&self) -> usize {
        let list = |list: &Claim<Vec<String>>| {
            list.iter().flatten().map(|text| text.len() + size_of::<String>()).sum::<usize>()
        };
        size_of::<Self>() + 2 * self.payload.len() + list(&self.audience) + list(&self.scopes)
    }
}

/// Whom a token speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectType {
    /// A person.
    User,
    /// An application, for itself (`sub` equals `client_id`).
    Machine,
}

impl SubjectType {
    /// As the contract spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Machine => "machine",
        }
    }
}

/// Whom a token speaks for and what it permits, with every type right.
#[derive(Debug)]
pub struct Subject<'a> {
    /// `sub`, not empty.
    pub user: &'a str,
    /// The words of `scope`.
    pub scopes: &'a [String],
    /// `client_id`.
    pub client: Option<&'a str>,
    /// The organizations that the token is of: none, one, or, with several audiences, more.
    pub organizations: Vec<&'a str>,
    /// All claims, the JSON text as it was signed.
    pub payload: &'a str,
}

impl Subject<'_> {
    /// A machine's token has its client as subject; there is no other mark (Logto).
    #[must_use]
    pub fn kind(&self) -> SubjectType {
        if self.client == Some(self.user) { SubjectType::Machine } else { SubjectType::User }
    }
}

fn audience(claim: Option<&RawValue>) -> Claim<Vec<String>> {
    let json = claim.ok_or(WrongType)?.get();
    serde_json::from_str(json).map(|one| vec![one]).or_else(|_| serde_json::from_str(json)).map_err(|_| WrongType)
}

/// The words of a space-separated list (RFC 6749 section 3.3).
pub(crate) fn words(list: &str) -> Vec<String> {
    list.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn plausible(time: f64) -> Claim<f64> {
    if (0.0..=LATEST).contains(&time) { Ok(time) } else { Err(WrongType) }
}

fn present<T>(claim: Option<T>) -> Claim<T> {
    claim.ok_or(WrongType)
}

fn invalid(claim: &str) -> Refusal {
    Refusal { subject: Some(claim.into()), ..Code::InvalidClaims.into() }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: f64 = 1_800_000_000.0;

    /// What Logto issues for a machine, with some members set to something else or, with [`ABSENT`], left out.
    pub(crate) fn claims(members: Value) -> Claims {
        let mut payload = json!({
            "jti": "QsylamkYCsJsKBRjLhlqXwRiRaAcAUYMvvYzyMMIUr8", "sub": "app", "iat": NOW, "exp": NOW + 3600.0,
            "scope": "read:orders write:orders", "client_id": "app", "iss": "https://t.test/oidc", "aud": "https://api.test",
        });
        let Value::Object(members) = members else { panic!("members") };
        for (name, value) in members {
            if value == ABSENT {
                payload.as_object_mut().unwrap().remove(&name);
            } else {
                payload[name.as_str()] = value;
            }
        }
        Claims::parse(payload.to_string().as_bytes()).unwrap()
    }

    pub(crate) const ABSENT: &str = "\0absent";

    /// A payload with one member, as JSON text: for numbers that JSON has and Rust has not.
    fn only(name: &str, json: &str) -> Claims {
        Claims::parse(format!("{{\"{name}\":{json}}}").as_bytes()).unwrap()
    }

    pub(crate) fn strings(items: &[&str]) -> Vec<String> {
        items.iter().map(|item| (*item).to_owned()).collect()
    }

    fn check(members: Value) -> Result<(), Refusal> {
        claims(members).check_types().map(drop)
    }

    #[track_caller]
    pub(crate) fn passes(outcome: Result<(), Refusal>) {
        outcome.unwrap();
    }

    #[track_caller]
    pub(crate) fn fails(outcome: Result<(), Refusal>, code: Code) -> Refusal {
        let refusal = outcome.unwrap_err();
        assert_eq!(refusal.code, code, "{refusal:?}");
        refusal
    }

    #[track_caller]
    fn malformed(outcome: Result<(), Refusal>, claim: &str) {
        let refusal = fails(outcome, Code::InvalidClaims);
        assert_eq!(refusal.message(), format!("Token has a missing or malformed claim: {claim}"));
    }

    #[track_caller]
    fn wrong_type(name: &str, value: &Value) {
        malformed(claims(json!({ name: value })).check_types().map(drop), name);
    }

    #[test]
    fn payload_that_is_no_object_fails() {
        for payload in ["", "null", "[]", "\"sub\"", "1", "{", "{\"sub\":\"a\"}x", "{\"sub\":\"a\",\"sub\":\"b\"}"] {
            let refusal = fails(Claims::parse(payload.as_bytes()).map(drop), Code::MalformedToken);
            assert_eq!(refusal.message(), "Token is not a valid JWT");
        }
        fails(Claims::parse(b"{\"sub\":\"\xff\"}").map(drop), Code::MalformedToken);
    }

    #[test]
    fn iss_is_one_of_the_issuers() {
        let issuers = strings(&["https://t.test/oidc", "https://custom.test/oidc"]);
        passes(claims(json!({})).check_issuer(&issuers));
        passes(claims(json!({ "iss": "https://custom.test/oidc" })).check_issuer(&issuers));
    }

    #[test]
    fn iss_is_compared_to_the_letter() {
        let issuers = strings(&["https://t.test/oidc"]);
        for iss in [
            "https://t.test/oidc/",
            "https://t.test/oid",
            "https://t.test/oidc?x",
            "https://T.test/oidc",
            "https://t.test:443/oidc",
            "https://t.test.evil.test/oidc",
            "https://evil.test/#https://t.test/oidc",
            " https://t.test/oidc",
            "https://t.test/oidc\0",
            "",
        ] {
            let refusal = fails(claims(json!({ "iss": iss })).check_issuer(&issuers), Code::InvalidIssuer);
            assert_eq!(refusal.message(), "Token was issued by another server");
            assert_eq!(refusal.details["expected"], json!(["https://t.test/oidc"]));
        }
    }

    #[test]
    fn iss_that_is_no_string_fails() {
        let issuers = strings(&["https://t.test/oidc"]);
        for iss in [json!(ABSENT), json!(null), json!(["https://t.test/oidc"]), json!({}), json!(1), json!(true)] {
            fails(claims(json!({ "iss": iss })).check_issuer(&issuers), Code::InvalidIssuer);
        }
    }

    #[test]
    fn aud_holds_one_of_the_audiences() {
        let accepted = strings(&["https://api.test", "urn:other"]);
        for aud in
            [json!("https://api.test"), json!("urn:other"), json!(["x", "urn:other"]), json!(["https://api.test"])]
        {
            passes(claims(json!({ "aud": aud })).check_audience(Some(&accepted)));
        }
    }

    #[test]
    fn aud_is_compared_to_the_letter() {
        let accepted = strings(&["https://api.test"]);
        for aud in [
            json!("https://api.test/"),
            json!("https://api"),
            json!("https://api.test.evil.test"),
            json!("HTTPS://api.test"),
            json!("https://api.test https://other.test"),
            json!("*"),
            json!(""),
            json!([]),
            json!(["https://api.test/"]),
        ] {
            let refusal = fails(claims(json!({ "aud": aud })).check_audience(Some(&accepted)), Code::InvalidAudience);
            assert_eq!(refusal.message(), "Token was issued for another audience");
        }
    }

    #[test]
    fn aud_that_is_no_string_or_list_of_strings_fails() {
        let accepted = strings(&["https://api.test"]);
        for aud in [
            json!(ABSENT),
            json!(null),
            json!(1),
            json!({ "https://api.test": true }),
            json!(["https://api.test", 1]),
            json!(["https://api.test", null]),
            json!([["https://api.test"]]),
        ] {
            fails(claims(json!({ "aud": aud })).check_audience(Some(&accepted)), Code::InvalidAudience);
        }
    }

    #[test]
    fn aud_is_not_checked_when_that_is_switched_off() {
        for aud in [json!(ABSENT), json!(1), json!("https://any.test")] {
            passes(claims(json!({ "aud": aud })).check_audience(None));
        }
    }

    #[test]
    fn exp_in_past_fails() {
        let refusal = fails(claims(json!({ "exp": NOW - 1.0 })).check_expiry(NOW, 0.0), Code::TokenExpired);
        assert_eq!(refusal.message(), "Token has expired");
        fails(claims(json!({ "exp": 0 })).check_expiry(NOW, 0.0), Code::TokenExpired);
    }

    #[test]
    fn exp_now_fails() {
        fails(claims(json!({ "exp": NOW })).check_expiry(NOW, 0.0), Code::TokenExpired);
        passes(claims(json!({ "exp": NOW })).check_expiry(NOW - 0.001, 0.0));
    }

    #[test]
    fn exp_in_future_passes() {
        passes(claims(json!({ "exp": NOW + 1.0 })).check_expiry(NOW, 0.0));
        passes(claims(json!({ "exp": 253_402_300_799_u64 })).check_expiry(NOW, 0.0));
    }

    #[test]
    fn exp_has_the_tolerance() {
        passes(claims(json!({ "exp": NOW - 4.0 })).check_expiry(NOW, 5.0));
        fails(claims(json!({ "exp": NOW - 5.0 })).check_expiry(NOW, 5.0), Code::TokenExpired);
        passes(claims(json!({ "exp": NOW - 0.25 })).check_expiry(NOW, 0.5));
    }

    #[test]
    fn exp_may_be_a_fraction() {
        passes(claims(json!({ "exp": NOW + 0.5 })).check_expiry(NOW, 0.0));
        fails(claims(json!({ "exp": NOW + 0.5 })).check_expiry(NOW + 0.5, 0.0), Code::TokenExpired);
        passes(only("exp", "1.8000000015e9").check_expiry(NOW, 0.0));
    }

    #[test]
    fn exp_missing_fails() {
        malformed(claims(json!({ "exp": ABSENT })).check_expiry(NOW, 0.0), "exp");
    }

    #[test]
    fn exp_that_is_no_time_fails() {
        for exp in
            ["\"1900000000\"", "null", "true", "[1900000000]", "{}", "-1", "-0.5", "1e400", "1e22", "253402300800"]
        {
            malformed(only("exp", exp).check_expiry(NOW, 0.0), "exp");
        }
    }

    #[test]
    fn nbf_missing_passes() {
        passes(claims(json!({})).check_not_before(NOW, 0.0));
    }

    #[test]
    fn nbf_in_past_or_now_passes() {
        passes(claims(json!({ "nbf": 1 })).check_not_before(NOW, 0.0));
        passes(claims(json!({ "nbf": NOW })).check_not_before(NOW, 0.0));
    }

    #[test]
    fn nbf_in_future_fails() {
        let refusal = fails(claims(json!({ "nbf": NOW + 0.001 })).check_not_before(NOW, 0.0), Code::TokenNotActive);
        assert_eq!(refusal.message(), "Token is not valid yet");
    }

    #[test]
    fn nbf_has_the_tolerance() {
        passes(claims(json!({ "nbf": NOW + 5.0 })).check_not_before(NOW, 5.0));
        fails(claims(json!({ "nbf": NOW + 5.5 })).check_not_before(NOW, 5.0), Code::TokenNotActive);
    }

    #[test]
    fn nbf_that_is_no_time_fails() {
        for nbf in ["\"1\"", "null", "false", "[]", "-1", "1e400", "1e13"] {
            malformed(only("nbf", nbf).check_not_before(NOW, 0.0), "nbf");
        }
    }

    #[test]
    fn iat_is_a_time_if_present_and_not_compared() {
        passes(check(json!({ "iat": ABSENT })));
        passes(check(json!({ "iat": NOW + 1e6 })));
        for iat in [json!("1"), json!(null), json!(-1), json!(1e22), json!([])] {
            wrong_type("iat", &iat);
        }
    }

    #[test]
    fn sub_is_a_non_empty_string() {
        for sub in [json!(ABSENT), json!(""), json!(null), json!(1), json!(["app"]), json!({})] {
            wrong_type("sub", &sub);
        }
    }

    #[test]
    fn scope_client_id_and_organization_id_are_strings_if_present() {
        for name in ["scope", "client_id", "organization_id"] {
            for value in [json!(null), json!(1), json!(["a"]), json!({}), json!(false)] {
                wrong_type(name, &value);
            }
            passes(check(json!({ name: ABSENT })));
        }
    }

    #[test]
    fn the_first_claim_of_the_wrong_type_is_named() {
        malformed(claims(json!({ "sub": 1, "scope": 1, "iat": "x" })).check_types().map(drop), "iat");
        malformed(claims(json!({ "sub": 1, "scope": 1 })).check_types().map(drop), "sub");
    }

    #[test]
    fn the_words_of_scope_are_the_scopes() {
        for (scope, expected) in [
            (json!("b a"), &["b", "a"][..]),
            (json!(" a   b "), &["a", "b"]),
            (json!("a\tb"), &["a\tb"]),
            (json!("a,b"), &["a,b"]),
            (json!(""), &[]),
            (json!(ABSENT), &[]),
        ] {
            assert_eq!(claims(json!({ "scope": scope })).check_types().unwrap().scopes, expected);
        }
    }

    #[test]
    fn the_organization_is_the_claim_else_in_the_audience() {
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
    fn a_large_payload_weighs_more() {
        let small = claims(json!({})).weight();
        let large = claims(json!({ "custom": "x".repeat(10_000) })).weight();
        assert!((500..1_600).contains(&small), "{small}");
        assert!(large > small + 10_000, "{large}");
    }
}
