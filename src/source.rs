//! Finds the tokens in a request's headers and cookies, but does not interpret the tokens.

use crate::cookie;
use crate::error::{ErrorCode, Rejection, Wording};
use crate::mistakes::starts_with_json;
use crate::options::{Options, TokenSource};
use crate::reason::Reason;
use crate::requirements::Organization;

/// The parts of a request that may contain a token or a guest id, as the server received them.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// A token that the application passed as a string or that its `getToken` returned.
    pub token: Option<String>,
    /// All values of the `Authorization` header.
    pub authorization: Vec<String>,
    /// The `Cookie` header.
    pub cookies: Option<String>,
    /// The value of the token cookie, as parsed by the framework.
    pub parsed_cookie: Option<String>,
    /// The value of the guest cookie, as parsed by the framework.
    pub parsed_guest_cookie: Option<String>,
    /// The required organization, if the organization depends on the request.
    pub organization: Option<Organization>,
    /// The valid tokens that the application rejected: the zero-based position of each in the request, and its
    /// rejection.
    pub rejected: Vec<(usize, Rejection)>,
    /// Whether a token from another issuer is rejected before any keys are fetched, as in an application with several
    /// Logto servers.
    pub checks_issuer_first: bool,
    /// The current time as JavaScript sees it, as Unix time in milliseconds, or `None` for the system time. The two
    /// differ, for example, if a test installs fake timers.
    pub date: Option<f64>,
}

/// The tokens in a request, in the order in which the pipeline should try them.
///
/// # Errors
///
/// [`ErrorCode::AmbiguousToken`] if one source contains two tokens. Implementations disagree about which of two tokens
/// counts. Node keeps the first `Authorization` header, the Fetch API's `Headers` joins all of them, and cookie parsers
/// take the first or the last cookie. An attacker who can add a second token could exploit this disagreement.
pub fn tokens<'a>(request: &'a Credentials, options: &'a Options) -> Result<Vec<&'a str>, Rejection> {
    if let Some(token) = non_empty_text(request.token.as_deref()) {
        return Ok(vec![token]);
    }
    let mut tokens = Vec::with_capacity(2);
    for source in &options.sources {
        tokens.extend(match source {
            TokenSource::Cookie => from_cookies(request, &options.cookie_name)?,
            TokenSource::Header => from_authorization(&request.authorization)?,
        });
    }
    Ok(tokens)
}

/// The rejection for a request without a token. The message names only the places that were searched for a token:
/// cookies, the `Authorization` header, or both.
#[must_use]
pub fn missing_token(request: &Credentials, options: &Options) -> Rejection {
    let wording = Wording { message: no_token_message(options), realm: options.realm.clone() };
    let rejection = Rejection { wording: Some(wording.into()), ..ErrorCode::MissingToken.into() };
    match missing_token_reason(request, options) {
        Some((reason, Some(cookie))) => rejection.reason(reason).detail("cookie", cookie),
        Some((reason, None)) => rejection.reason(reason),
        None => rejection,
    }
}

/// The likely reason why a request has no token, if the request contains something that resembles a token. If a
/// different cookie contains a JWT, the name of that cookie is also returned.
#[must_use]
fn missing_token_reason<'a>(request: &'a Credentials, options: &Options) -> Option<(Reason, Option<&'a str>)> {
    let is_searched = |source| options.sources.contains(&source);
    let header = request.authorization.iter().map(|value| trim(value)).find(|value| !value.is_empty());
    let bearer = header.and_then(bearer_token);
    if header.is_some() && bearer.is_none() && is_searched(TokenSource::Header) {
        return Some((Reason::NoBearerScheme, None));
    }
    // The token is in a source that the options exclude. Otherwise, the token would have been found.
    let cookies = request.cookies.as_deref().unwrap_or_default();
    if bearer.is_some_and(|token| !token.is_empty())
        || cookie::values_of(cookies, &options.cookie_name).next().is_some()
    {
        return Some((Reason::OtherSource, None));
    }
    let is_jwt = |value: &str| value.matches('.').count() == 2 && value.split('.').next().is_some_and(starts_with_json);
    let mut jwt_cookies =
        cookie::names_and_values(cookies).filter(|(_, value)| is_searched(TokenSource::Cookie) && is_jwt(value));
    let other_cookie = jwt_cookies.next().map(|(name, _)| (Reason::OtherCookie, Some(name)));
    // A token after `Bearer` would have been found.
    other_cookie
        .or_else(|| (bearer.is_some() && is_searched(TokenSource::Header)).then_some((Reason::EmptyBearer, None)))
}

/// The message for a request without a token, or `None` for the default message, which names both sources.
fn no_token_message(options: &Options) -> Option<&'static str> {
    match options.sources.as_slice() {
        [] => Some("No token found"),
        [TokenSource::Cookie] => Some("No token found in cookies"),
        [TokenSource::Header] => Some("No token found in Authorization header"),
        _ => None,
    }
}

/// The value of the cookie with this name. The value parsed by the framework takes precedence, because the application
/// may have changed it. Only the `Cookie` header reveals whether a request has two cookies with this name.
fn from_cookies<'a>(request: &'a Credentials, name: &'a str) -> Result<Option<&'a str>, Rejection> {
    let mut value = None;
    for other in cookie::values_of(request.cookies.as_deref().unwrap_or_default(), name) {
        if *value.get_or_insert(other) != other {
            return Err(Rejection::from(ErrorCode::AmbiguousToken).reason(Reason::TwoCookies));
        }
    }
    Ok(non_empty_text(request.parsed_cookie.as_deref()).or(value))
}

/// The bearer token in an `Authorization` header (RFC 6750 section 2.1). The scheme is case-insensitive (RFC 9110
/// section 11.1), and headers with other schemes are ignored.
fn from_authorization(values: &[String]) -> Result<Option<&str>, Rejection> {
    // A bearer token contains no comma, but a comma joins the values of a header that was sent twice.
    let mut values = values.iter().flat_map(|value| value.split(',')).map(trim).filter(|value| !value.is_empty());
    let Some(first_value) = values.next() else { return Ok(None) };
    let mut bearer_count = usize::from(bearer_token(first_value).is_some());
    let mut count = 1;
    for value in values {
        count += 1;
        bearer_count += usize::from(bearer_token(value).is_some());
    }
    if bearer_count > 0 && count > 1 {
        return Err(Rejection::from(ErrorCode::AmbiguousToken).reason(Reason::TwoAuthorizationValues));
    }
    Ok(bearer_token(first_value).filter(|token| !token.is_empty()))
}

/// The part of the header after the `Bearer` scheme and one or more spaces.
fn bearer_token(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| trim(token))
}

fn trim(value: &str) -> &str {
    value.trim_matches([' ', '\t'])
}

fn non_empty_text(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::tests::{list, options, text};

    /// A request with these `Authorization` values and this `Cookie` header.
    fn request(authorization: &[&str], cookies: &str) -> Credentials {
        Credentials {
            authorization: authorization.iter().map(|value| (*value).to_owned()).collect(),
            cookies: (!cookies.is_empty()).then(|| cookies.to_owned()),
            ..Credentials::default()
        }
    }

    #[track_caller]
    fn assert_finds(request: &Credentials, expected: &[&str]) {
        assert_eq!(tokens(request, &options(&[])).unwrap(), expected);
    }

    #[track_caller]
    fn assert_ambiguous(request: &Credentials, reason: Reason) {
        let rejection = tokens(request, &options(&[])).unwrap_err();
        assert_eq!(
            (rejection.code, rejection.details["reason"].as_str()),
            (ErrorCode::AmbiguousToken, Some(reason.word()))
        );
    }

    #[test]
    fn finds_no_token_in_an_empty_request() {
        assert_finds(&Credentials::default(), &[]);
    }

    #[test]
    fn accepts_the_bearer_scheme_in_any_case_with_several_spaces() {
        for value in ["Bearer t", "bearer t", "BEARER t", "bEaReR t", "Bearer    t", " Bearer t ", "\tBearer t\t"] {
            assert_finds(&request(&[value], ""), &["t"]);
        }
    }

    #[test]
    fn ignores_other_schemes_and_empty_values() {
        for value in [
            "",
            " ",
            "Bearer",
            "Bearer ",
            "Bearer    ",
            "Basic dTpw",
            "Bearert",
            "Bearer:t",
            "Bearer\tt",
            "XBearer t",
            "DPoP t",
            "t",
            "eyJ.eyJ.sig",
            "Digest username=\"u\", realm=\"r\"",
            ",",
            " , ",
            "Negotiate YII=",
        ] {
            assert_finds(&request(&[value], ""), &[]);
        }
    }

    #[test]
    fn takes_everything_after_the_scheme_as_the_token() {
        assert_finds(&request(&["Bearer a b"], ""), &["a b"]);
        assert_finds(&request(&["Bearer Bearer t"], ""), &["Bearer t"]);
        assert_finds(&request(&["Bearer \"t\""], ""), &["\"t\""]);
    }

    #[test]
    fn rejects_two_authorization_values() {
        for values in [
            &["Bearer a", "Bearer b"][..],
            &["Bearer a", "Bearer a"],
            &["Bearer a", "Basic dTpw"],
            &["Basic dTpw", "Bearer a"],
            &["Bearer", "Bearer b"],
            &["Bearer a, Bearer b"],
            &["Bearer a,Bearer b"],
            &["Basic dTpw, bearer b"],
            &["Bearer a, b"],
        ] {
            assert_ambiguous(&request(values, ""), Reason::TwoAuthorizationValues);
        }
    }

    #[test]
    fn ignores_empty_authorization_values() {
        assert_finds(&request(&["", "Bearer t", " "], ""), &["t"]);
        assert_finds(&request(&["Bearer t,"], ""), &["t"]);
    }

    #[test]
    fn accepts_two_values_of_other_schemes() {
        assert_finds(&request(&["Basic a", "Digest b"], ""), &[]);
    }

    #[test]
    fn finds_the_token_in_its_cookie() {
        assert_finds(&request(&[], "logto_authtoken=t"), &["t"]);
        assert_finds(&request(&[], "a=1; logto_authtoken=t; b=2"), &["t"]);
        assert_finds(&request(&[], "logto_authtoken=\"t\""), &["t"]);
    }

    #[test]
    fn ignores_cookies_with_other_names() {
        for cookies in [
            "xlogto_authtoken=t",
            "logto_authtoken2=t",
            "Logto_Authtoken=t",
            "guest_logto_authtoken=t",
            "a=logto_authtoken=t",
        ] {
            assert_finds(&request(&[], cookies), &[]);
        }
    }

    #[test]
    fn ignores_an_empty_cookie() {
        for cookies in ["logto_authtoken=", "logto_authtoken=\"\"", "logto_authtoken", "logto_authtoken= ; a=1"] {
            assert_finds(&request(&[], cookies), &[]);
        }
    }

    #[test]
    fn rejects_two_different_cookies() {
        assert_ambiguous(&request(&[], "logto_authtoken=a; logto_authtoken=b"), Reason::TwoCookies);
        assert_ambiguous(&request(&[], "logto_authtoken=a; x=1; logto_authtoken=\"b\""), Reason::TwoCookies);
    }

    #[test]
    fn accepts_the_same_cookie_twice() {
        assert_finds(&request(&[], "logto_authtoken=a; logto_authtoken=a; logto_authtoken="), &["a"]);
    }

    #[test]
    fn prefers_the_parsed_cookie_but_rejects_two_in_the_header() {
        let parsed =
            |parsed: &str, cookies| Credentials { parsed_cookie: Some(parsed.into()), ..request(&[], cookies) };
        assert_finds(&parsed("p", ""), &["p"]);
        assert_finds(&parsed("p", "logto_authtoken=t"), &["p"]);
        assert_finds(&parsed("", "logto_authtoken=t"), &["t"]);
        assert_ambiguous(&parsed("p", "logto_authtoken=a; logto_authtoken=b"), Reason::TwoCookies);
    }

    #[test]
    fn returns_the_tokens_in_the_configured_source_order() {
        let two_token_request = request(&["Bearer h"], "logto_authtoken=c");
        for (sources, expected) in [
            (&["cookie", "header"][..], &["c", "h"][..]),
            (&["header", "cookie"], &["h", "c"]),
            (&["header"], &["h"]),
            (&["cookie"], &["c"]),
        ] {
            assert_eq!(tokens(&two_token_request, &options(&[("tokenSources", list(sources))])).unwrap(), expected);
        }
    }

    #[test]
    fn uses_the_configured_cookie_name() {
        let options = options(&[("cookieName", text("__Host-t"))]);
        assert_eq!(tokens(&request(&[], "logto_authtoken=a; __Host-t=b"), &options).unwrap(), ["b"]);
    }

    #[test]
    fn ignores_two_values_in_a_source_that_is_not_configured() {
        let request = request(&["Bearer a", "Bearer b"], "logto_authtoken=c; other=1; other=2");
        assert_eq!(tokens(&request, &options(&[("tokenSources", list(&["cookie"]))])).unwrap(), ["c"]);
    }

    #[test]
    fn prefers_a_token_from_the_application_to_cookie_and_header() {
        let token =
            |token: &str| Credentials { token: Some(token.into()), ..request(&["Bearer h"], "logto_authtoken=c") };
        assert_finds(&token("t"), &["t"]);
        assert_finds(&token(""), &["c", "h"]);
        let ambiguous = Credentials { token: Some("t".into()), ..request(&["Bearer a", "Bearer b"], "") };
        assert_finds(&ambiguous, &["t"]);
    }
}
