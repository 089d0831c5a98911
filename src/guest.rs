//! Guests: visitors without a valid token.

use uuid::Uuid;

use crate::cookie;
use crate::options::Options;
use crate::source::Credentials;

/// Maximum length of a guest id, in bytes.
pub const MAX_GUEST_ID_BYTES: usize = 128;

/// A visitor without a valid token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// The id from the cookie, or a new random UUID.
    pub id: String,
    /// Whether the guest id is new, in which case the response must set the guest cookie.
    pub is_new: bool,
}

impl Guest {
    /// Returns the guest whose id is in the request's cookie, or a new guest if the request has no well-formed id
    /// (`[A-Za-z0-9_-]{1,128}`). A guest id proves nothing, because a client can send any id.
    #[must_use]
    pub fn identify(request: &Credentials, options: &Options) -> Self {
        let header = cookie::values_of(request.cookies.as_deref().unwrap_or_default(), options.guest_cookie_name());
        let known_id = request.parsed_guest_cookie.as_deref().into_iter().chain(header).find(|id| is_guest_id(id));
        known_id.map_or_else(
            || Self { id: Uuid::new_v4().to_string(), is_new: true },
            |id| Self { id: id.to_owned(), is_new: false },
        )
    }
}

/// Returns `true` for a well-formed guest id.
#[must_use]
pub fn is_guest_id(id: &str) -> bool {
    (1..=MAX_GUEST_ID_BYTES).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::options::Raw;
    use crate::options::tests::{options, text};

    fn guest(cookies: &str) -> Guest {
        Guest::identify(&Credentials { cookies: Some(cookies.into()), ..Credentials::default() }, &options(&[]))
    }

    #[track_caller]
    fn assert_keeps(guest: &Guest, id: &str) {
        assert_eq!(*guest, Guest { id: id.into(), is_new: false });
    }

    #[track_caller]
    fn assert_new(guest: &Guest) {
        assert!(guest.is_new);
        assert_eq!(Uuid::parse_str(&guest.id).unwrap().get_version_num(), 4);
        assert!(is_guest_id(&guest.id));
    }

    #[test]
    fn gives_a_visitor_without_a_cookie_a_random_uuid() {
        let ids: HashSet<String> = (0..100).map(|_| guest("").id).collect();
        assert_eq!(ids.len(), 100);
        assert_new(&guest(""));
        assert_new(&Guest::identify(&Credentials::default(), &options(&[])));
    }

    #[test]
    fn keeps_the_id_of_a_visitor_with_a_cookie() {
        assert_keeps(&guest("guest_logto_authtoken=a"), "a");
        assert_keeps(&guest("x=1; guest_logto_authtoken=A_z-09; y=2"), "A_z-09");
        let longest_id = "x".repeat(128);
        assert_keeps(&guest(&format!("guest_logto_authtoken={longest_id}")), &longest_id);
    }

    #[test]
    fn replaces_a_malformed_id() {
        for id in ["", "a b", "a.b", "a/b", "%41", "a:b", "<b>", "\u{e4}", "a\0", "a,b", &"x".repeat(129)] {
            assert_new(&guest(&format!("guest_logto_authtoken={id}")));
            assert!(!is_guest_id(id), "{id}");
        }
    }

    #[test]
    fn ignores_a_malformed_cookie_before_a_well_formed_one() {
        assert_keeps(&guest("guest_logto_authtoken=<script>; guest_logto_authtoken=mine"), "mine");
    }

    #[test]
    fn ignores_cookies_with_other_names() {
        assert_new(&guest("logto_authtoken=a; xguest_logto_authtoken=b; GUEST_LOGTO_AUTHTOKEN=c"));
    }

    #[test]
    fn prefers_the_cookie_that_the_framework_parsed() {
        let request = |parsed: &str| Credentials {
            parsed_guest_cookie: Some(parsed.into()),
            cookies: Some("guest_logto_authtoken=header".into()),
            ..Credentials::default()
        };
        assert_keeps(&Guest::identify(&request("parsed"), &options(&[])), "parsed");
        assert_keeps(&Guest::identify(&request("not an id"), &options(&[])), "header");
    }

    #[test]
    fn uses_the_configured_cookie_name() {
        let cookie = Raw::Object(vec![("name".into(), text("visitor"))]);
        let request =
            Credentials { cookies: Some("guest_logto_authtoken=a; visitor=b".into()), ..Credentials::default() };
        assert_keeps(&Guest::identify(&request, &options(&[("guestCookie", cookie)])), "b");
        assert_keeps(&Guest::identify(&request, &options(&[("guestCookie", Raw::Bool(false))])), "a");
    }
}
