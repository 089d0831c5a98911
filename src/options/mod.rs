//! Parses option values from JavaScript into [`Options`], and fills in the defaults.
//!
//! A single call to a `Reader` method declares an option with its name, default and accepted values, and reads it.
//! `sets` lists the options that each function of the package accepts.

mod adapters;
mod application;
mod cookies;
mod environment;
mod hints;
mod principal;
mod raw;
mod reader;
mod requirements;
mod resource_metadata;
mod revocations;
mod sets;
mod sources;
mod testing;
mod tokens;
mod values;
mod verifier;

pub use adapters::SIGN_IN_COOKIE;
pub use cookies::{CSRF_HEADER, auth_cookie, cookie_attributes, csrf_cookie, guest_cookie, guest_cookie_attributes};
pub use environment::Environment;
pub use raw::{OptionError, Raw};
pub use requirements::{MATCH_MODE_EXPECTATION, ROLE_CLAIMS, SCOPES_EXPECTATION, parse_match_mode, scopes};
pub use resource_metadata::resource_metadata;
pub use revocations::{entry as revocation_entry, policy as revocation_policy};
pub use sets::OptionSet;
pub use sources::{CatchUp, LogoutMatch, LogoutOptions, catch_up, logout, signing_keys};
pub use tokens::{DEFAULT_ALGORITHMS, GuestPolicy, TokenSource};
pub use values::{items, text};
pub use verifier::{KeySource, Options, issuer_of, key_set_urls};

#[cfg(test)]
pub(crate) mod tests {
    //! Tests of the parsed values. `tests/options.rs` tests which values are rejected, and with which message.

    use std::time::Duration;

    use super::*;
    use crate::requirements::Organization;
    use crate::signature::Algorithm::{self, Ed25519, EdDsa, Es256, Es384, Es512, Ps512, Rs256, Rs384};

    pub(crate) fn text(text: &str) -> Raw {
        Raw::String(text.into())
    }

    pub(crate) fn list(items: &[&str]) -> Raw {
        Raw::List(items.iter().map(|item| text(item)).collect())
    }

    pub(crate) fn object(members: &[(&str, Raw)]) -> Raw {
        Raw::Object(members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    }

    /// Parses the two required options together with these options, which may override them.
    fn parse(members: &[(&str, Raw)]) -> Result<Options, OptionError> {
        let required = [("logtoUrl", text("https://t.test")), ("audience", text("https://api.test"))];
        let is_given = |name: &str| members.iter().any(|(given, _)| *given == name);
        let required = required.into_iter().filter(|(name, _)| !is_given(name));
        Options::parse(object(&required.chain(members.iter().cloned()).collect::<Vec<_>>()))
    }

    #[track_caller]
    pub(crate) fn options(members: &[(&str, Raw)]) -> Options {
        parse(members).unwrap_or_else(|error| panic!("{}", error.message))
    }

    #[track_caller]
    fn assert_rejects(name: &str, value: Raw, message: &str) {
        let error = parse(&[(name, value)]).map(|_| ()).unwrap_err();
        assert_eq!((error.option.as_str(), error.message.as_str()), (name, message));
    }

    const KEY: &str = r#"{"kty":"EC","crv":"P-384","kid":"k","x":"CLuafdEslmPx7fVU3Vjn2MzfRMVBBWPzzpYtw-qNPEbOkG8nstg6_ur5TpSRBtBv","y":"qFipAsh1tbALcfBwPKycEg0DZBfToitJekfXThx277Vk4DecyMfNdMt1uI-2Thi5"}"#;

    fn jwks() -> Raw {
        let serde_json::Value::Object(key) = serde_json::from_str(KEY).unwrap() else { panic!("no object") };
        let key = key.into_iter().map(|(name, value)| (name, text(value.as_str().unwrap()))).collect();
        object(&[("keys", Raw::List(vec![Raw::Object(key)]))])
    }

    fn jwks_uri_of(options: &Options) -> &str {
        match &options.keys {
            KeySource::Url { source, .. } => &source.url,
            KeySource::Static(_) | KeySource::None => "none",
        }
    }

    #[test]
    fn fills_in_the_documented_defaults() {
        let options = options(&[]);
        assert_eq!(options.issuers, ["https://t.test/oidc"]);
        assert_eq!(options.audiences.as_deref(), Some(&["https://api.test".to_owned()][..]));
        assert_eq!(jwks_uri_of(&options), "https://t.test/oidc/jwks");
        assert_eq!(options.policy.ttl, Duration::from_secs(300));
        assert_eq!(options.policy.timeout, Duration::from_secs(5));
        assert_eq!(options.policy.cooldown, Duration::from_secs(10));
        assert_eq!(options.policy.max_stale, Duration::from_secs(3_600));
        assert_eq!(options.cookie_name, "logto_authtoken");
        assert_eq!(options.sources, [TokenSource::Cookie, TokenSource::Header]);
        assert!(options.requirements.scopes.is_empty() && !options.requirements.any_scope);
        assert!(options.requirements.roles.is_empty());
        assert_eq!(options.requirements.role_claims, ["roles", "role"]);
        assert_eq!(options.requirements.organization, Organization::Unchecked);
        assert_eq!((options.guests, options.realm, options.max_token_age), (GuestPolicy::Never, None, None));
        assert_eq!(options.guest_cookie, Some(guest_cookie()));
        assert_eq!(options.token_type.as_deref(), Some("at+jwt"));
        assert_eq!(options.algorithms, [Es384, Rs256, Es256, Es512, EdDsa, Ed25519]);
        assert_eq!((options.tolerance, options.current_date), (0.0, None));
        assert_eq!(options.token_cache_size, 5_000);
        assert_eq!(options.insecure_origin, None);
    }

    #[test]
    fn treats_undefined_like_a_missing_option() {
        for name in [
            "issuer",
            "jwksUri",
            "jwks",
            "cookieName",
            "tokenSources",
            "getToken",
            "scopeMode",
            "roleMode",
            "realm",
            "roleClaims",
            "allowGuest",
            "guestCookie",
            "tokenType",
            "algorithms",
            "clockTolerance",
            "currentDate",
            "jwksCacheTtlMs",
            "jwksTimeoutMs",
            "jwksCooldownMs",
            "jwksMaxStaleMs",
            "skipJwksCache",
            "tokenCacheSize",
        ] {
            assert_eq!(format!("{:?}", options(&[(name, Raw::Undefined)])), format!("{:?}", options(&[])), "{name}");
        }
    }

    #[test]
    fn normalizes_logto_url_like_logto() {
        let table: Vec<(String, String)> =
            serde_json::from_str(include_str!("../../__test__/fixtures/urls.json")).unwrap();
        for (given, issuer) in table {
            let options = options(&[("logtoUrl", text(&given))]);
            assert_eq!(options.issuers, [issuer.as_str()], "{given}");
            assert_eq!(jwks_uri_of(&options), format!("{issuer}/jwks"), "{given}");
        }
    }

    #[test]
    fn requires_logto_url() {
        let error = Options::parse(object(&[("audience", text("a"))])).map(|_| ()).unwrap_err();
        let expected = "an absolute http or https URL, or the environment variable LOGTO_URL";
        let message = format!("Invalid option \"logtoUrl\": expected {expected}, got undefined");
        assert_eq!((error.option.as_str(), error.message.as_str()), ("logtoUrl", message.as_str()));
    }

    #[test]
    fn environment_variables_replace_missing_options() {
        let environment =
            |url: &str, audience: &str| Environment { logto_url: Some(url.into()), audience: Some(audience.into()) };
        let parse = |members: &[(&str, Raw)], environment: Environment| {
            Options::parse_with_environment(OptionSet::Verifier, object(members), environment)
        };
        let both_variables = || environment(" https://env.test ", "https://a.test\n https://b.test");
        let options = Options::parse_with_environment(OptionSet::Adapter, Raw::Undefined, both_variables()).unwrap();
        assert_eq!(options.issuers, ["https://env.test/oidc"]);
        assert_eq!(options.audiences.unwrap(), ["https://a.test", "https://b.test"]);

        let explicit_options =
            parse(&[("logtoUrl", text("https://t.test")), ("audience", Raw::Null)], both_variables()).unwrap();
        assert_eq!((explicit_options.issuers[0].as_str(), explicit_options.audiences), ("https://t.test/oidc", None));
        let error = |members: &[(&str, Raw)], environment| parse(members, environment).unwrap_err().message;
        for wrong in [Raw::Null, text(""), Raw::Number(1.0)] {
            assert!(
                error(&[("logtoUrl", wrong)], both_variables())
                    .starts_with("Invalid option \"logtoUrl\": expected an absolute")
            );
        }
        assert_eq!(
            error(&[], environment("", "a")),
            "Invalid environment variable LOGTO_URL: expected an absolute http or https URL, got an empty string"
        );
        assert!(
            error(&[], environment("https://t.test", " "))
                .starts_with("Invalid environment variable LOGTO_AUDIENCE: expected API identifiers")
        );
        assert_eq!(
            error(&[], environment("https://u:secret@t.test", "a")),
            "Invalid environment variable LOGTO_URL: expected a URL without user name and password, got \"https://u:…@t.test\""
        );
        assert!(
            error(&[], environment("https://t.test", "\"a\""))
                .starts_with("Invalid environment variable LOGTO_AUDIENCE")
        );
        let server_error =
            Options::parse_with_environment(OptionSet::Server, object(&[]), both_variables()).unwrap_err();
        assert_eq!(
            server_error.message,
            "Invalid option \"logtoUrl\": expected an absolute http or https URL, got undefined"
        );
    }

    #[test]
    fn reads_audiences_and_requires_them() {
        assert_eq!(options(&[("audience", list(&["a", "b"]))]).audiences.unwrap(), ["a", "b"]);
        assert_eq!(options(&[("audience", Raw::Null)]).audiences, None);
        let expected = "the API identifier (resource indicator), a non-empty array of such, or null to accept every audience, or the environment variable LOGTO_AUDIENCE";
        let error = Options::parse(object(&[("logtoUrl", text("https://t.test"))])).map(|_| ()).unwrap_err();
        assert_eq!(error.message, format!("Invalid option \"audience\": expected {expected}, got undefined"));
    }

    #[test]
    fn rejects_audiences_separated_by_commas() {
        for wrong in ["https://a.test,https://b.test", "https://a.test,urn:b", "https://a.test,"] {
            for value in [text(wrong), list(&["https://c.test", wrong])] {
                assert_eq!(parse(&[("audience", value)]).map(|_| ()).unwrap_err().option, "audience");
            }
            let variables = Environment { logto_url: Some("https://t.test".into()), audience: Some(wrong.into()) };
            let error = Options::parse_with_environment(OptionSet::Verifier, object(&[]), variables).map(|_| ());
            let expected = "expected API identifiers (resource indicators), separated by white space, got";
            assert!(
                error
                    .unwrap_err()
                    .message
                    .starts_with(&format!("Invalid environment variable LOGTO_AUDIENCE: {expected} {wrong:?}"))
            );
        }
        assert_eq!(options(&[("audience", text("https://a.test/b,c"))]).audiences.unwrap(), ["https://a.test/b,c"]);
    }

    #[test]
    fn b2_does_not_treat_an_undefined_requirement_like_a_missing_one() {
        for name in [
            "requiredScope",
            "requiredRole",
            "organizationId",
            "check",
            "claims",
            "isRevoked",
            "maxTokenAge",
            "revocations",
        ] {
            let error = parse(&[(name, Raw::Undefined)]).unwrap_err();
            assert_eq!(error.option, name);
            assert!(error.message.ends_with(", got undefined"), "{}", error.message);
        }
        for (set, name) in [(OptionSet::Requirements, "subjectType"), (OptionSet::Requirements, "organizationId")] {
            assert_eq!(set.check(object(&[(name, Raw::Undefined)])).unwrap_err().option, name);
        }
        let upgrade_options =
            [("logtoUrl", text("https://t.test")), ("audience", Raw::Null), ("allowedOrigins", Raw::Undefined)];
        assert_eq!(OptionSet::Upgrade.check(object(&upgrade_options)).unwrap_err().option, "allowedOrigins");
    }

    #[test]
    fn does_not_normalize_the_issuer() {
        assert_eq!(options(&[("issuer", text("https://c.test/oidc/"))]).issuers, ["https://c.test/oidc/"]);
        assert_eq!(
            options(&[("issuer", list(&["https://A.test", "http://b"]))]).issuers,
            ["https://A.test", "http://b"]
        );
    }

    #[test]
    fn uses_jwks_uri_instead_of_the_derived_url() {
        let options = options(&[("jwksUri", text("http://logto.internal:3001/oidc/jwks"))]);
        assert_eq!(jwks_uri_of(&options), "http://logto.internal:3001/oidc/jwks");
        assert_eq!(options.issuers, ["https://t.test/oidc"]);
    }

    #[test]
    fn takes_a_static_key_set() {
        let options = options(&[("jwks", jwks()), ("logtoUrl", text("http://t.test"))]);
        assert!(matches!(&options.keys, KeySource::Static(keys) if keys.len() == 1));
        assert_eq!(options.insecure_origin, None); // nothing is fetched
    }

    #[test]
    fn reports_plain_http_beyond_loopback() {
        let insecure_origin = |url: &str| options(&[("logtoUrl", text(url))]).insecure_origin;
        for url in ["http://t.test/x", "http://10.0.0.1:3001", "http://localhost.evil.test", "http://[2001:db8::1]"] {
            assert!(insecure_origin(url).is_some(), "{url}");
        }
        assert_eq!(insecure_origin("http://t.test/x").as_deref(), Some("http://t.test"));
        for url in [
            "https://t.test",
            "http://localhost:3001",
            "http://a.localhost",
            "http://127.0.0.1",
            "http://127.9.9.9",
            "http://[::1]",
        ] {
            assert_eq!(insecure_origin(url), None, "{url}");
        }
        assert!(options(&[("jwksUri", text("http://t.test/jwks"))]).insecure_origin.is_some());
        let internal_jwks = [("logtoUrl", text("http://t.test")), ("jwksUri", text("https://t.test/jwks"))];
        assert_eq!(options(&internal_jwks).insecure_origin, None);
    }

    #[test]
    fn checks_the_cookie_name() {
        assert_eq!(options(&[("cookieName", text("__Host-t"))]).cookie_name, "__Host-t");
    }

    #[test]
    fn takes_each_token_source_once() {
        use TokenSource::{Cookie, Header};
        for (given, expected) in
            [(&["header", "cookie"][..], &[Header, Cookie][..]), (&["header"], &[Header]), (&["cookie"], &[Cookie])]
        {
            assert_eq!(options(&[("tokenSources", list(given))]).sources, expected);
        }
        let with_getter = [("tokenSources", list(&[])), ("getToken", Raw::Function)];
        assert_eq!(options(&with_getter).sources, []);
    }

    #[test]
    fn takes_scopes_as_words_or_as_a_list() {
        let scopes = |raw| options(&[("requiredScope", raw)]).requirements.scopes;
        assert_eq!(scopes(text("a")), ["a"]);
        assert_eq!(scopes(text(" a  b:c ")), ["a", "b:c"]);
        assert_eq!(scopes(list(&["a", "b"])), ["a", "b"]);
    }

    #[test]
    fn takes_all_or_any_as_scope_mode() {
        assert!(!options(&[("scopeMode", text("all"))]).requirements.any_scope);
        assert!(options(&[("scopeMode", text("any"))]).requirements.any_scope);
        assert!(options(&[("roleMode", text("any"))]).requirements.any_role);
    }

    #[test]
    fn takes_roles_and_role_claims_as_lists() {
        let requirements =
            options(&[("requiredRole", text("order admin")), ("roleClaims", list(&["r", "https://x/r"]))]);
        assert_eq!(requirements.requirements.roles, ["order admin"]);
        assert_eq!(requirements.requirements.role_claims, ["r", "https://x/r"]);
    }

    #[test]
    fn takes_an_organization_id_or_null_for_none() {
        let organization = |raw| options(&[("organizationId", raw)]).requirements.organization;
        assert_eq!(organization(text("org")), Organization::Id("org".into()));
        assert_eq!(organization(Raw::Null), Organization::None);
    }

    #[test]
    fn reads_allow_guest() {
        for (given, expected) in [
            (Raw::Bool(true), GuestPolicy::Always),
            (Raw::Bool(false), GuestPolicy::Never),
            (text("no-token"), GuestPolicy::WithoutToken),
        ] {
            assert_eq!(options(&[("allowGuest", given)]).guests, expected);
        }
    }

    #[test]
    fn takes_a_realm_and_a_maximum_age() {
        assert_eq!(
            options(&[("realm", text("Orders of example.com"))]).realm.as_deref(),
            Some("Orders of example.com")
        );
        assert_eq!(options(&[("maxTokenAge", Raw::Number(0.5))]).max_token_age, Some(0.5));
    }

    #[test]
    fn takes_guest_cookie_attributes_or_false() {
        let cookie = |raw| options(&[("guestCookie", raw)]).guest_cookie;
        assert_eq!(cookie(Raw::Bool(false)), None);
        assert_eq!(cookie(object(&[])), Some(guest_cookie()));
        let attributes = [
            ("name", text("g")),
            ("maxAge", Raw::Number(60.0)),
            ("path", text("/app")),
            ("domain", text("t.test")),
            ("sameSite", text("Strict")),
            ("secure", Raw::Bool(false)),
            ("httpOnly", Raw::Bool(false)),
        ];
        assert_eq!(
            cookie(object(&attributes)).unwrap().header("v").unwrap(),
            "g=v; Path=/app; Max-Age=60; SameSite=Strict; Domain=t.test"
        );
    }

    #[test]
    fn takes_a_media_type_as_token_type_or_null_for_any() {
        let typ = |raw| options(&[("tokenType", raw)]).token_type;
        assert_eq!(typ(text("application/AT+JWT")).as_deref(), Some("at+jwt"));
        assert_eq!(typ(text("JWT")).as_deref(), Some("jwt"));
        assert_eq!(typ(Raw::Null), None);
    }

    #[test]
    fn takes_asymmetric_algorithms_by_their_exact_name() {
        assert_eq!(options(&[("algorithms", list(&["PS512", "RS384"]))]).algorithms, [Ps512, Rs384]);
        let all_names = Algorithm::ALL.map(|(name, _)| name);
        assert_eq!(options(&[("algorithms", list(&all_names))]).algorithms.len(), 11);
    }

    #[test]
    fn takes_clock_tolerance_in_seconds() {
        let tolerance = options(&[("clockTolerance", Raw::Number(2.5))]).tolerance;
        assert!((tolerance - 2.5).abs() < f64::EPSILON);
    }

    #[test]
    fn takes_a_valid_date_as_current_date() {
        assert_eq!(options(&[("currentDate", Raw::Date(1_500.0))]).current_date, Some(1.5));
        assert_eq!(options(&[("currentDate", Raw::Function)]).current_date, None);
    }

    #[test]
    fn takes_key_cache_times_in_milliseconds() {
        let policy = options(&[
            ("jwksCacheTtlMs", Raw::Number(0.0)),
            ("jwksTimeoutMs", Raw::Number(0.5)),
            ("jwksCooldownMs", Raw::Number(1.5)),
            ("jwksMaxStaleMs", Raw::Number(1e12)),
        ])
        .policy;
        assert_eq!((policy.ttl, policy.timeout), (Duration::ZERO, Duration::from_micros(500)));
        assert_eq!(
            (policy.cooldown, policy.max_stale),
            (Duration::from_micros(1_500), Duration::from_secs(1_000_000_000))
        );
    }

    #[test]
    fn fetches_every_time_without_the_key_cache() {
        let policy = options(&[("skipJwksCache", Raw::Bool(true)), ("jwksTimeoutMs", Raw::Number(100.0))]).policy;
        assert_eq!((policy.ttl, policy.cooldown, policy.max_stale), (Duration::ZERO, Duration::ZERO, Duration::ZERO));
        assert_eq!(policy.timeout, Duration::from_millis(100));
    }

    #[test]
    fn takes_a_whole_number_as_token_cache_size() {
        assert_eq!(options(&[("tokenCacheSize", Raw::Number(0.0))]).token_cache_size, 0);
        assert_eq!(options(&[("tokenCacheSize", Raw::Number(1e7))]).token_cache_size, 10_000_000);
    }

    #[test]
    fn rejects_an_unknown_option_with_a_hint() {
        assert_rejects("Audience", text("a"), "Unknown option \"Audience\": did you mean \"audience\"?");
        assert_rejects("requiredscope", text("a"), "Unknown option \"requiredscope\": did you mean \"requiredScope\"?");
        assert_rejects("scopes", text("a"), "Unknown option \"scopes\": did you mean \"requiredScope\"?");
        assert_rejects("roles", text("a"), "Unknown option \"roles\": did you mean \"requiredRole\"?");
        let error = parse(&[("session", text("a"))]).map(|_| ()).unwrap_err();
        assert_eq!(error.option, "session");
        assert!(
            error
                .message
                .starts_with("Unknown option \"session\": known options are algorithms, allowGuest, audience, "),
            "{}",
            error.message
        );
        for name in ["__proto__", "constructor", "", "\u{0}"] {
            assert!(parse(&[(name, Raw::Null)]).is_err());
        }
    }

    #[test]
    fn rejects_an_unknown_option_even_if_undefined() {
        assert_rejects("AUDIENCE", Raw::Undefined, "Unknown option \"AUDIENCE\": did you mean \"audience\"?");
    }

    #[test]
    fn keeps_a_long_or_strange_name_on_one_line() {
        let error = parse(&[(&format!("a\nb{}", "x".repeat(1_000)), Raw::Null)]).map(|_| ()).unwrap_err();
        assert!(error.message.starts_with("Unknown option \"a\\nbxxx"), "{}", error.message);
        assert!(error.message.len() < 800, "{}", error.message.len());
    }

    #[test]
    fn takes_the_same_attributes_for_a_guest_cookie_header() {
        assert_eq!(guest_cookie_attributes(Raw::Undefined).unwrap(), guest_cookie());
        let error = guest_cookie_attributes(Raw::Bool(false)).unwrap_err();
        assert_eq!(error.message, "Invalid option \"guestCookie\": expected cookie attributes, got false");
        assert_eq!(guest_cookie_attributes(object(&[("name", text("g"))])).unwrap().name, "g");
    }

    #[test]
    fn the_auth_cookie_has_the_same_attributes_as_in_the_original_package() {
        let header = |raw| cookie_attributes(raw, auth_cookie()).unwrap().header("T").unwrap();
        let default = "logto_authtoken=T; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Strict";
        assert_eq!(header(Raw::Undefined), default);
        let values = [
            ("cookieName", text("c")),
            ("maxAge", Raw::Number(1.0)),
            ("domain", text("d.test")),
            ("path", text("/p")),
            ("sameSite", text("none")),
        ];
        assert_eq!(header(object(&values)), "c=T; Max-Age=1; Path=/p; HttpOnly; Secure; SameSite=None; Domain=d.test");
        for wrong in [Raw::Null, text("c"), object(&[("name", text("c"))]), object(&[("httpOnly", Raw::Bool(false))])] {
            assert!(cookie_attributes(wrong, auth_cookie()).is_err());
        }
    }

    #[test]
    fn accepts_the_url_of_a_server_or_of_a_key_set() {
        let urls = key_set_urls(text("HTTPS://T.test/jwks")).unwrap();
        assert_eq!(urls, ["https://t.test/jwks/oidc", "https://t.test/jwks/oidc/jwks", "https://t.test/jwks"]);
        for wrong in [Raw::Undefined, Raw::Null, text("t.test"), Raw::Number(1.0)] {
            assert_eq!(key_set_urls(wrong).unwrap_err().option, "logtoUrl");
        }
    }
}
