//! Who a visitor without a valid token is.

use uuid::Uuid;

use crate::cookie;
use crate::options::Options;
use crate::source::Credentials;

/// Longest guest id that is taken from a cookie.
const LONGEST_ID: usize = 128;

/// A guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// The id: from the cookie, or a new random UUID.
    pub id: String,
    /// Whether it is new, so that the cookie is to be set.
    pub is_new: bool,
}

impl Guest {
    /// The guest that a request's cookie names, if the id in it is one of ours in form (`[A-Za-z0-9_-]{1,128}`), else
    /// a new one. The id proves nothing: anybody can send any.
    #[must_use]
    pub fn of(request: &Credentials, options: &Options) -> Self {
        let header = cookie::values(request.cookies.as_deref().unwrap_or_default(), options.guest_cookie_name());
        let known = request.parsed_guest_cookie.as_deref().into_iter().chain(header).find(|id| is_id(id));
        known.map_or_else(
            || Self { id: Uuid::new_v4().to_string(), is_new: true },
            |id| Self { id: id.to_owned(), is_new: false },
        )
    }
}

/// Whether that can be a guest's id.
#[must_use]
pub fn is_id(id: &str) -> bool {
    (1..=LONGEST_ID).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::options::Raw;
    use crate::options::tests::{options, text};

    fn guest(cookies: &str) -> Guest {
        Guest::of(&Credentials { cookies: Some(cookies.into()), ..Credentials::default() }, &options(&[]))
    }

    #[track_caller]
    fn knows(guest: &Guest, id: &str) {
        assert_eq!(*guest, Guest { id: id.into(), is_new: false });
    }

    #[track_caller]
    fn is_new(guest: &Guest) {
        assert!(guest.is_new);
        assert_eq!(Uuid::parse_str(&guest.id).unwrap().get_version_num(), 4);
        assert!(is_id(&guest.id));
    }

    #[test]
    fn a_visitor_without_a_cookie_gets_a_random_uuid() {
        let ids: HashSet<String> = (0..100).map(|_| guest("").id).collect();
        assert_eq!(ids.len(), 100);
        is_new(&guest(""));
        is_new(&Guest::of(&Credentials::default(), &options(&[])));
    }

    #[test]
    fn a_visitor_with_a_cookie_keeps_the_id() {
        knows(&guest("guest_logto_authtoken=a"), "a");
        knows(&guest("x=1; guest_logto_authtoken=A_z-09; y=2"), "A_z-09");
        let longest = "x".repeat(128);
        knows(&guest(&format!("guest_logto_authtoken={longest}")), &longest);
    }

    #[test]
    fn an_id_that_is_not_one_of_ours_in_form_is_replaced() {
        for id in ["", "a b", "a.b", "a/b", "%41", "a:b", "<b>", "\u{e4}", "a\0", "a,b", &"x".repeat(129)] {
            is_new(&guest(&format!("guest_logto_authtoken={id}")));
            assert!(!is_id(id), "{id}");
        }
    }

    #[test]
    fn a_planted_cookie_that_is_no_id_does_not_hide_the_own_one() {
        knows(&guest("guest_logto_authtoken=<script>; guest_logto_authtoken=mine"), "mine");
    }

    #[test]
    fn a_cookie_of_another_name_is_no_guests() {
        is_new(&guest("logto_authtoken=a; xguest_logto_authtoken=b; GUEST_LOGTO_AUTHTOKEN=c"));
    }

    #[test]
    fn what_the_framework_parsed_comes_first() {
        let request = |parsed: &str| Credentials {
            parsed_guest_cookie: Some(parsed.into()),
            cookies: Some("guest_logto_authtoken=header".into()),
            ..Credentials::default()
        };
        knows(&Guest::of(&request("parsed"), &options(&[])), "parsed");
        knows(&Guest::of(&request("not an id"), &options(&[])), "header");
    }

    #[test]
    fn the_cookie_name_is_the_configured_one() {
        let cookie = Raw::Object(vec![("name".into(), text("visitor"))]);
        let request =
            Credentials { cookies: Some("guest_logto_authtoken=a; visitor=b".into()), ..Credentials::default() };
        knows(&Guest::of(&request, &options(&[("guestCookie", cookie)])), "b");
        knows(&Guest::of(&request, &options(&[("guestCookie", Raw::Bool(false))])), "a");
    }
}
