//! Headers and cookies to the tokens of a request. Knows what a bearer token looks like from outside, not what is in it.

use crate::cookie;
use crate::error::{Code, Refusal};
use crate::options::{Options, TokenSource};
use crate::requirements::Organization;

/// The parts of a request that can hold a token or a guest's id, as they came.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// A token by itself: from a caller that has a string, or from the application's own `getToken`.
    pub token: Option<String>,
    /// Every value of `Authorization`.
    pub authorization: Vec<String>,
    /// The `Cookie` header.
    pub cookies: Option<String>,
    /// The token's cookie as the framework parsed it.
    pub parsed_cookie: Option<String>,
    /// The guest's cookie as the framework parsed it.
    pub parsed_guest_cookie: Option<String>,
    /// The organization that this request is about, where that depends on the request.
    pub organization: Option<Organization>,
    /// How many of the tokens that verify, in their order, the application has revoked.
    pub revoked: u32,
}

/// The tokens of a request, in the order in which they are to be tried; none is an empty list.
///
/// # Errors
///
/// [`Code::AmbiguousToken`] if a source that is looked at has two. Which of them counts is not agreed (Node keeps the
/// first `Authorization`, a fetch `Headers` joins them; cookie parsers take the first or the last), and who adds a
/// second one hopes for that.
pub fn tokens<'a>(request: &'a Credentials, options: &'a Options) -> Result<Vec<&'a str>, Refusal> {
    if let Some(token) = present(request.token.as_deref()) {
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

/// The cookie of that name. What the framework parsed is taken if it is there, as the application may have changed it,
/// but the header says whether there are two.
fn from_cookies<'a>(request: &'a Credentials, name: &'a str) -> Result<Option<&'a str>, Refusal> {
    let mut value = None;
    for other in cookie::values(request.cookies.as_deref().unwrap_or_default(), name) {
        if *value.get_or_insert(other) != other {
            return Err(Refusal::from(Code::AmbiguousToken).detail("reason", "two different cookies of that name"));
        }
    }
    Ok(present(request.parsed_cookie.as_deref()).or(value))
}

/// The bearer token (RFC 6750 section 2.1), the scheme in any letter case (RFC 9110 section 11.1). Other schemes are
/// not ours to judge.
fn from_authorization(values: &[String]) -> Result<Option<&str>, Refusal> {
    // A comma never stands in a bearer token; it joins the values of a header that came twice.
    let mut values = values.iter().flat_map(|value| value.split(',')).map(trim).filter(|value| !value.is_empty());
    let Some(first) = values.next() else { return Ok(None) };
    let mut bearers = usize::from(bearer(first).is_some());
    let mut count = 1;
    for value in values {
        count += 1;
        bearers += usize::from(bearer(value).is_some());
    }
    if bearers > 0 && count > 1 {
        return Err(Refusal::from(Code::AmbiguousToken).detail("reason", "two Authorization values"));
    }
    Ok(bearer(first).filter(|token| !token.is_empty()))
}

/// What follows the scheme and one or more spaces.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| trim(token))
}

fn trim(value: &str) -> &str {
    value.trim_matches([' ', '\t'])
}

fn present(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::tests::{list, options, text};

    /// A request with these values of `Authorization` and this `Cookie` header.
    fn request(authorization: &[&str], cookies: &str) -> Credentials {
        Credentials {
            authorization: authorization.iter().map(|value| (*value).to_owned()).collect(),
            cookies: (!cookies.is_empty()).then(|| cookies.to_owned()),
            ..Credentials::default()
        }
    }

    #[track_caller]
    fn finds(request: &Credentials, expected: &[&str]) {
        assert_eq!(tokens(request, &options(&[])).unwrap(), expected);
    }

    #[track_caller]
    fn ambiguous(request: &Credentials, reason: &str) {
        let refusal = tokens(request, &options(&[])).unwrap_err();
        assert_eq!((refusal.code, refusal.details["reason"].as_str()), (Code::AmbiguousToken, Some(reason)));
    }

    #[test]
    fn a_request_without_anything_has_no_token() {
        finds(&Credentials::default(), &[]);
    }

    #[test]
    fn the_bearer_scheme_has_any_letter_case_and_one_or_more_spaces() {
        for value in ["Bearer t", "bearer t", "BEARER t", "bEaReR t", "Bearer    t", " Bearer t ", "\tBearer t\t"] {
            finds(&request(&[value], ""), &["t"]);
        }
    }

    #[test]
    fn another_scheme_or_an_empty_value_is_no_token() {
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
            finds(&request(&[value], ""), &[]);
        }
    }

    #[test]
    fn what_follows_the_scheme_is_the_token_whatever_it_is() {
        finds(&request(&["Bearer a b"], ""), &["a b"]);
        finds(&request(&["Bearer Bearer t"], ""), &["Bearer t"]);
        finds(&request(&["Bearer \"t\""], ""), &["\"t\""]);
    }

    #[test]
    fn two_authorization_values_are_ambiguous() {
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
            ambiguous(&request(values, ""), "two Authorization values");
        }
    }

    #[test]
    fn empty_authorization_values_do_not_count() {
        finds(&request(&["", "Bearer t", " "], ""), &["t"]);
        finds(&request(&["Bearer t,"], ""), &["t"]);
    }

    #[test]
    fn two_values_of_other_schemes_are_not_ours_to_judge() {
        finds(&request(&["Basic a", "Digest b"], ""), &[]);
    }

    #[test]
    fn a_token_stands_in_its_cookie() {
        finds(&request(&[], "logto_authtoken=t"), &["t"]);
        finds(&request(&[], "a=1; logto_authtoken=t; b=2"), &["t"]);
        finds(&request(&[], "logto_authtoken=\"t\""), &["t"]);
    }

    #[test]
    fn a_cookie_of_another_name_is_no_token() {
        for cookies in [
            "xlogto_authtoken=t",
            "logto_authtoken2=t",
            "Logto_Authtoken=t",
            "guest_logto_authtoken=t",
            "a=logto_authtoken=t",
        ] {
            finds(&request(&[], cookies), &[]);
        }
    }

    #[test]
    fn an_empty_cookie_is_no_token() {
        for cookies in ["logto_authtoken=", "logto_authtoken=\"\"", "logto_authtoken", "logto_authtoken= ; a=1"] {
            finds(&request(&[], cookies), &[]);
        }
    }

    #[test]
    fn two_different_cookies_are_ambiguous() {
        ambiguous(&request(&[], "logto_authtoken=a; logto_authtoken=b"), "two different cookies of that name");
        ambiguous(&request(&[], "logto_authtoken=a; x=1; logto_authtoken=\"b\""), "two different cookies of that name");
    }

    #[test]
    fn the_same_cookie_twice_is_one() {
        finds(&request(&[], "logto_authtoken=a; logto_authtoken=a; logto_authtoken="), &["a"]);
    }

    #[test]
    fn what_the_framework_parsed_is_taken_but_the_header_shows_two() {
        let parsed =
            |parsed: &str, cookies| Credentials { parsed_cookie: Some(parsed.into()), ..request(&[], cookies) };
        finds(&parsed("p", ""), &["p"]);
        finds(&parsed("p", "logto_authtoken=t"), &["p"]);
        finds(&parsed("", "logto_authtoken=t"), &["t"]);
        ambiguous(&parsed("p", "logto_authtoken=a; logto_authtoken=b"), "two different cookies of that name");
    }

    #[test]
    fn cookie_and_header_are_tried_in_their_order() {
        let both = request(&["Bearer h"], "logto_authtoken=c");
        for (sources, expected) in [
            (&["cookie", "header"][..], &["c", "h"][..]),
            (&["header", "cookie"], &["h", "c"]),
            (&["header"], &["h"]),
            (&["cookie"], &["c"]),
        ] {
            assert_eq!(tokens(&both, &options(&[("tokenSources", list(sources))])).unwrap(), expected);
        }
    }

    #[test]
    fn the_cookie_name_is_the_configured_one() {
        let options = options(&[("cookieName", text("__Host-t"))]);
        assert_eq!(tokens(&request(&[], "logto_authtoken=a; __Host-t=b"), &options).unwrap(), ["b"]);
    }

    #[test]
    fn a_source_that_is_not_looked_at_cannot_be_ambiguous() {
        let request = request(&["Bearer a", "Bearer b"], "logto_authtoken=c; other=1; other=2");
        assert_eq!(tokens(&request, &options(&[("tokenSources", list(&["cookie"]))])).unwrap(), ["c"]);
    }

    #[test]
    fn a_token_by_itself_comes_before_cookie_and_header() {
        let token =
            |token: &str| Credentials { token: Some(token.into()), ..request(&["Bearer h"], "logto_authtoken=c") };
        finds(&token("t"), &["t"]);
        finds(&token(""), &["c", "h"]);
        let ambiguous = Credentials { token: Some("t".into()), ..request(&["Bearer a", "Bearer b"], "") };
        finds(&ambiguous, &["t"]);
    }
}
