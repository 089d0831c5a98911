//! Raw options to [`Options`], parsed once. Every default lives and is documented here.

pub mod address;
mod cookies;
mod raw;
mod read;

use std::sync::Arc;
use std::time::Duration;

pub use cookies::{auth_cookie, cookie_attributes, csrf_cookie, guest_cookie, guest_cookie_attributes};
pub use raw::{OptionError, Raw};
use read::Reader;

use crate::cookie::Attributes;
use crate::jwks::CachePolicy;
use crate::jwks::keys::KeySet;
use crate::requirements::Requirements;
use crate::signature::Algorithm;

/// The token's cookie.
const AUTH_COOKIE: &str = "logto_authtoken";

/// The guests' cookie.
const GUEST_COOKIE: &str = "guest_logto_authtoken";

impl Requirements {
    /// Checks the raw requirements of one route.
    ///
    /// # Errors
    ///
    /// The first that is wrong or unknown.
    pub fn parse(raw: Raw) -> Result<Self, OptionError> {
        let members = match raw {
            Raw::Undefined => Vec::new(),
            Raw::Object(members) => members,
            other => return Err(OptionError::wanted("requirements", "an object", &other)),
        };
        let mut read = Reader::new(members);
        let mut requirements = read.requirements()?;
        requirements.subject_type = read.subject_type("subjectType")?;
        read.finish()?;
        Ok(requirements)
    }
}

/// Where a token may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// The cookie of the configured name.
    Cookie,
    /// `Authorization: Bearer` (RFC 6750 section 2.1).
    Header,
}

/// Where keys come from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// An address, fetched and cached; or fetched for every verification, which is nobody else's business.
    Address {
        /// The address.
        address: String,
        /// Whether other verifiers of the process share the cache.
        shared: bool,
    },
    /// A key set that was given: no network at all.
    Static(Arc<KeySet>),
}

/// Options, checked and with every default filled in.
#[derive(Clone, Debug)]
pub struct Options {
    /// The issuers, one of which `iss` must equal; default `<logtoUrl>/oidc`.
    pub issuers: Vec<String>,
    /// The audiences, one of which `aud` must hold. None: `null` was written out, not checked.
    pub audiences: Option<Vec<String>>,
    /// The keys; default the address `<logtoUrl>/oidc/jwks`.
    pub keys: KeySource,
    /// How they are kept.
    pub policy: CachePolicy,
    /// The token's cookie; default `logto_authtoken`.
    pub cookie_name: String,
    /// Where tokens are looked for, in that order; default cookie, then header.
    pub sources: Vec<TokenSource>,
    /// What a token must permit; default nothing.
    pub requirements: Requirements,
    /// Whether a request without a valid token becomes a guest; default no.
    pub allow_guest: bool,
    /// The guests' cookie; default `guest_logto_authtoken`, 7 days. None: never set.
    pub guest_cookie: Option<Attributes>,
    /// The `typ` a token must have; default `at+jwt` (RFC 9068 section 2.1). None: any.
    pub token_type: Option<String>,
    /// The algorithms accepted; default ES384, RS256, ES256 and `EdDSA`.
    pub algorithms: Vec<Algorithm>,
    /// Leeway for `exp` and `nbf` in seconds; default 0.
    pub tolerance: f64,
    /// The time that claims are checked against, in seconds since 1970; default the clock's.
    pub current_date: Option<f64>,
    /// Verified tokens remembered; default 5,000.
    pub token_cache_size: usize,
    /// An address that keys would be fetched from in the clear, over plain `http` beyond loopback.
    pub exposed: Option<String>,
}

impl Options {
    /// Checks raw options and fills in the defaults.
    ///
    /// # Errors
    ///
    /// The first option that is wrong or unknown, or that is missing: `logtoUrl` and `audience` are required.
    ///
    /// ```
    /// use logto_authkit::options::{Options, Raw};
    /// let text = |text: &str| Raw::String(text.into());
    /// let options = Options::parse(Raw::Object(vec![
    ///     ("logtoUrl".into(), text("https://tenant.logto.app/")),
    ///     ("audience".into(), text("https://api.example.com")),
    /// ])).unwrap();
    /// assert_eq!(options.issuers, ["https://tenant.logto.app/oidc"]);
    ///
    /// let error = Options::parse(Raw::Object(vec![("audience".into(), Raw::Null)])).unwrap_err();
    /// assert_eq!(error.message, "Invalid option \"logtoUrl\": expected an absolute http or https address, got undefined");
    /// ```
    pub fn parse(raw: Raw) -> Result<Self, OptionError> {
        let Raw::Object(members) = raw else {
            let message = format!("Invalid options: expected an object, got {}", raw.describe());
            return Err(OptionError { option: String::new(), message });
        };
        let mut read = Reader::new(members);

        let logto = read.address("logtoUrl", true)?.ok_or_else(|| read.missing("logtoUrl"))?;
        let issuer = address::issuer(&logto);
        let audiences = read.audience()?;
        let jwks_uri = read.address("jwksUri", false)?;
        let key_set = read.key_set("jwks")?;
        let bypassed = read.bool("skipJwksCache")?.unwrap_or(false);
        let exposed = Some(jwks_uri.as_ref().unwrap_or(&logto))
            .filter(|url| key_set.is_none() && address::is_exposed(url))
            .map(|url| url.origin().ascii_serialization());
        let keys = key_set.map_or_else(
            || KeySource::Address {
                address: jwks_uri.map_or_else(|| key_set_address(&issuer), String::from),
                shared: !bypassed,
            },
            |keys| KeySource::Static(Arc::new(keys)),
        );
        let cookie_name = read.cookie_name("cookieName")?.unwrap_or_else(|| AUTH_COOKIE.into());
        let has_getter = read.function("getToken")?;
        read.function("isRevoked")?;
        // What answers say with it is the frameworks' business: here it only has to be an address.
        read.address("resourceMetadata", false)?;
        let policy = CachePolicy {
            ttl: read.milliseconds("jwksCacheTtlMs", 300_000)?,
            timeout: read.positive_milliseconds("jwksTimeoutMs", 5_000)?,
            cooldown: read.milliseconds("jwksCooldownMs", 10_000)?,
            max_stale: read.milliseconds("jwksMaxStaleMs", 3_600_000)?,
        };
        let options = Self {
            issuers: read.texts("issuer", "a non-empty string or array of such")?.unwrap_or_else(|| vec![issuer]),
            audiences,
            keys,
            policy: if bypassed { policy.bypassed() } else { policy },
            cookie_name,
            sources: read.sources("tokenSources", has_getter)?,
            requirements: read.requirements()?,
            allow_guest: read.bool("allowGuest")?.unwrap_or(false),
            guest_cookie: read.guest_cookie("guestCookie")?,
            token_type: read.token_type("tokenType")?,
            algorithms: read.algorithms("algorithms")?,
            tolerance: read.number("clockTolerance", "a finite number of seconds, not negative")?.unwrap_or(0.0),
            current_date: read.date("currentDate")?,
            token_cache_size: read.count("tokenCacheSize", 5_000)?,
            exposed,
        };
        read.finish()?;
        Ok(options)
    }
}

impl Options {
    /// The name of the cookie that a guest's id is read from, also where none is ever set.
    #[must_use]
    pub fn guest_cookie_name(&self) -> &str {
        self.guest_cookie.as_ref().map_or(GUEST_COOKIE, |cookie| &cookie.name)
    }
}

impl CachePolicy {
    /// The same without a cache: every verification waits for an answer of the server, and nothing stale serves.
    const fn bypassed(self) -> Self {
        Self { ttl: Duration::ZERO, cooldown: Duration::ZERO, max_stale: Duration::ZERO, ..self }
    }
}

/// Where Logto serves the keys of an issuer. Discovery is not asked: its `jwks_uri` follows the request's `Host`.
#[must_use]
pub fn key_set_address(issuer: &str) -> String {
    format!("{issuer}/jwks")
}

/// The issuer of the Logto at an address.
///
/// # Errors
///
/// If it is none.
pub fn issuer_of(raw: Raw) -> Result<String, OptionError> {
    let mut read = Reader::new(vec![("logtoUrl".into(), raw)]);
    let logto = read.address("logtoUrl", true)?.ok_or_else(|| read.missing("logtoUrl"))?;
    Ok(address::issuer(&logto))
}

/// The addresses whose key sets a user means by an address: a Logto's, or that of a key set itself.
///
/// # Errors
///
/// If it is none.
pub fn key_set_addresses(raw: Raw) -> Result<Vec<String>, OptionError> {
    let logto = Reader::new(vec![("logtoUrl".into(), raw)]).address("logtoUrl", true)?;
    Ok(logto.into_iter().flat_map(|url| [key_set_address(&address::issuer(&url)), String::from(url)]).collect())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::requirements::Organization;
    use crate::signature::Algorithm::{EdDsa, Es256, Es384, Ps512, Rs256, Rs384};

    pub(crate) fn text(text: &str) -> Raw {
        Raw::String(text.into())
    }

    pub(crate) fn list(items: &[&str]) -> Raw {
        Raw::List(items.iter().map(|item| text(item)).collect())
    }

    fn object(members: &[(&str, Raw)]) -> Raw {
        Raw::Object(members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    }

    /// The two required options and these, which replace them if they have their names.
    fn parse(members: &[(&str, Raw)]) -> Result<Options, OptionError> {
        let required = [("logtoUrl", text("https://t.test")), ("audience", text("https://api.test"))];
        let given = |name: &str| members.iter().any(|(given, _)| *given == name);
        let required = required.into_iter().filter(|(name, _)| !given(name));
        Options::parse(object(&required.chain(members.iter().cloned()).collect::<Vec<_>>()))
    }

    #[track_caller]
    pub(crate) fn options(members: &[(&str, Raw)]) -> Options {
        parse(members).unwrap_or_else(|error| panic!("{}", error.message))
    }

    #[track_caller]
    fn refuses(name: &str, value: Raw, message: &str) {
        let error = parse(&[(name, value)]).map(|_| ()).unwrap_err();
        assert_eq!((error.option.as_str(), error.message.as_str()), (name, message));
    }

    /// Every value is refused, in a sentence that names the option and says what is wanted.
    #[track_caller]
    fn wants(name: &str, wanted: &str, values: &[Raw]) {
        for value in values {
            refuses(
                name,
                value.clone(),
                &format!("Invalid option \"{name}\": expected {wanted}, got {}", value.describe()),
            );
        }
    }

    const KEY: &str = r#"{"kty":"EC","crv":"P-384","kid":"k","x":"CLuafdEslmPx7fVU3Vjn2MzfRMVBBWPzzpYtw-qNPEbOkG8nstg6_ur5TpSRBtBv","y":"qFipAsh1tbALcfBwPKycEg0DZBfToitJekfXThx277Vk4DecyMfNdMt1uI-2Thi5"}"#;

    fn jwks() -> Raw {
        let serde_json::Value::Object(key) = serde_json::from_str(KEY).unwrap() else { panic!("no object") };
        let key = key.into_iter().map(|(name, value)| (name, text(value.as_str().unwrap()))).collect();
        object(&[("keys", Raw::List(vec![Raw::Object(key)]))])
    }

    fn address_of(options: &Options) -> &str {
        match &options.keys {
            KeySource::Address { address, .. } => address,
            KeySource::Static(_) => "static",
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let options = options(&[]);
        assert_eq!(options.issuers, ["https://t.test/oidc"]);
        assert_eq!(options.audiences.as_deref(), Some(&["https://api.test".to_owned()][..]));
        assert_eq!(address_of(&options), "https://t.test/oidc/jwks");
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
        assert!(!options.allow_guest);
        assert_eq!(options.guest_cookie, Some(guest_cookie()));
        assert_eq!(options.token_type.as_deref(), Some("at+jwt"));
        assert_eq!(options.algorithms, [Es384, Rs256, Es256, EdDsa]);
        assert_eq!((options.tolerance, options.current_date), (0.0, None));
        assert_eq!(options.token_cache_size, 5_000);
        assert_eq!(options.exposed, None);
    }

    #[test]
    fn undefined_is_the_same_as_left_out() {
        for name in [
            "issuer",
            "jwksUri",
            "jwks",
            "cookieName",
            "tokenSources",
            "getToken",
            "requiredScope",
            "scopeMode",
            "requiredRole",
            "roleClaims",
            "organizationId",
            "allowGuest",
            "guestCookie",
            "tokenType",
            "algorithms",
            "clockTolerance",
            "currentDate",
            "isRevoked",
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
    fn options_are_an_object() {
        for (given, words) in [
            (Raw::Undefined, "undefined"),
            (Raw::Null, "null"),
            (text("https://t.test"), "\"https://t.test\""),
            (Raw::List(vec![]), "an empty array"),
            (Raw::Function, "a function"),
            (Raw::Number(1.0), "1"),
        ] {
            let error = Options::parse(given).map(|_| ()).unwrap_err();
            assert_eq!(error.message, format!("Invalid options: expected an object, got {words}"));
            assert_eq!(error.option, "");
        }
    }

    #[test]
    fn logto_url_is_normalised_as_logto_does() {
        for (given, issuer) in [
            ("https://t.test", "https://t.test/oidc"),
            ("https://t.test/", "https://t.test/oidc"),
            ("https://T.Test:443//", "https://t.test/oidc"),
            ("HTTPS://t.test", "https://t.test/oidc"),
            ("http://t.test:80", "http://t.test/oidc"),
            ("https://t.test:8443", "https://t.test:8443/oidc"),
            ("https://t.test/logto/", "https://t.test/logto/oidc"),
            ("https://t.test/Logto", "https://t.test/Logto/oidc"),
            ("https://t.test/oidc", "https://t.test/oidc"),
            ("https://t.test/oidc//", "https://t.test/oidc"),
            ("https://t.test/oidc/oidc", "https://t.test/oidc/oidc"),
            ("https://t.test/myoidc", "https://t.test/myoidc/oidc"),
            ("https://t.test/OIDC", "https://t.test/OIDC/oidc"),
            ("http://[::1]:3001", "http://[::1]:3001/oidc"),
            ("https://b\u{fc}cher.test", "https://xn--bcher-kva.test/oidc"),
        ] {
            let options = options(&[("logtoUrl", text(given))]);
            assert_eq!(options.issuers, [issuer], "{given}");
            assert_eq!(address_of(&options), format!("{issuer}/jwks"), "{given}");
        }
    }

    #[test]
    fn logto_url_is_an_absolute_http_or_https_address() {
        let bad =
            ["", "t.test", "/oidc", "//t.test", "ftp://t.test", "file:///etc/passwd", "https://", "localhost:3001"];
        wants("logtoUrl", "an absolute http or https address", &bad.map(text));
        let others =
            [Raw::Null, Raw::Number(1.0), Raw::Bool(true), list(&["https://t.test"]), object(&[]), Raw::Function];
        wants("logtoUrl", "an absolute http or https address", &others);
        wants(
            "logtoUrl",
            "an address without user name and password",
            &["https://u@t.test", "https://u:p@t.test"].map(text),
        );
        wants(
            "logtoUrl",
            "an address without query and fragment",
            &["https://t.test?a", "https://t.test/#a"].map(text),
        );
    }

    #[test]
    fn logto_url_is_required() {
        let error = Options::parse(object(&[("audience", text("a"))])).map(|_| ()).unwrap_err();
        let message = "Invalid option \"logtoUrl\": expected an absolute http or https address, got undefined";
        assert_eq!((error.option.as_str(), error.message.as_str()), ("logtoUrl", message));
    }

    #[test]
    fn audience_is_required_and_null_turns_the_check_off() {
        assert_eq!(options(&[("audience", list(&["a", "b"]))]).audiences.unwrap(), ["a", "b"]);
        assert_eq!(options(&[("audience", Raw::Null)]).audiences, None);
        let wanted = "the API's resource indicator, a non-empty array of such, or null to accept every audience";
        let mixed = Raw::List(vec![text("a"), Raw::Null]);
        wants("audience", wanted, &[Raw::Undefined, text(""), list(&[]), list(&["a", ""]), mixed, Raw::Bool(false)]);
        let error = Options::parse(object(&[("logtoUrl", text("https://t.test"))])).map(|_| ()).unwrap_err();
        assert_eq!(error.message, format!("Invalid option \"audience\": expected {wanted}, got undefined"));
    }

    #[test]
    fn issuer_replaces_the_derived_one_to_the_letter() {
        assert_eq!(options(&[("issuer", text("https://c.test/oidc/"))]).issuers, ["https://c.test/oidc/"]);
        assert_eq!(options(&[("issuer", list(&["a", "b"]))]).issuers, ["a", "b"]);
        let bad = [Raw::Null, text(""), list(&[]), list(&[""]), Raw::Number(1.0), object(&[])];
        wants("issuer", "a non-empty string or array of such", &bad);
    }

    #[test]
    fn jwks_uri_replaces_the_derived_one() {
        let options = options(&[("jwksUri", text("http://logto.internal:3001/oidc/jwks"))]);
        assert_eq!(address_of(&options), "http://logto.internal:3001/oidc/jwks");
        assert_eq!(options.issuers, ["https://t.test/oidc"]);
        wants("jwksUri", "an absolute http or https address", &[Raw::Null, text(""), text("jwks"), text("data:,{}")]);
    }

    #[test]
    fn jwks_is_a_static_key_set() {
        let options = options(&[("jwks", jwks()), ("logtoUrl", text("http://t.test"))]);
        assert!(matches!(&options.keys, KeySource::Static(keys) if keys.len() == 1));
        assert_eq!(options.exposed, None); // nothing is fetched
        let unusable = object(&[("keys", Raw::List(vec![object(&[("kty", text("oct"))])]))]);
        let bad = [Raw::Null, object(&[]), object(&[("keys", Raw::List(vec![]))]), unusable, text(KEY), Raw::Function];
        wants("jwks", "a JSON Web Key Set with at least one usable key", &bad);
    }

    #[test]
    fn plain_http_beyond_loopback_is_exposed() {
        let exposed = |url: &str| options(&[("logtoUrl", text(url))]).exposed;
        for url in ["http://t.test/x", "http://10.0.0.1:3001", "http://localhost.evil.test", "http://[2001:db8::1]"] {
            assert!(exposed(url).is_some(), "{url}");
        }
        assert_eq!(exposed("http://t.test/x").as_deref(), Some("http://t.test"));
        for url in [
            "https://t.test",
            "http://localhost:3001",
            "http://a.localhost",
            "http://127.0.0.1",
            "http://127.9.9.9",
            "http://[::1]",
        ] {
            assert_eq!(exposed(url), None, "{url}");
        }
        assert!(options(&[("jwksUri", text("http://t.test/jwks"))]).exposed.is_some());
        let internal = [("logtoUrl", text("http://t.test")), ("jwksUri", text("https://t.test/jwks"))];
        assert_eq!(options(&internal).exposed, None);
    }

    #[test]
    fn cookie_name_is_a_cookie_name() {
        assert_eq!(options(&[("cookieName", text("__Host-t"))]).cookie_name, "__Host-t");
        let bad = [text(""), text("a b"), text("a=b"), text("a;b"), text("\u{e4}"), Raw::Null, Raw::Bool(false)];
        wants("cookieName", "a cookie name", &bad);
    }

    #[test]
    fn token_sources_are_named_once_each() {
        use TokenSource::{Cookie, Header};
        for (given, expected) in
            [(&["header", "cookie"][..], &[Header, Cookie][..]), (&["header"], &[Header]), (&["cookie"], &[Cookie])]
        {
            assert_eq!(options(&[("tokenSources", list(given))]).sources, expected);
        }
        let bad =
            [list(&[]), list(&["cookie", "cookie"]), list(&["Cookie"]), list(&["query"]), text("cookie"), Raw::Null];
        wants("tokenSources", "an array of 'cookie' and 'header'", &bad);
        let with_getter = [("tokenSources", list(&[])), ("getToken", Raw::Function)];
        assert_eq!(options(&with_getter).sources, []);
    }

    #[test]
    fn get_token_and_is_revoked_are_functions() {
        options(&[("getToken", Raw::Function), ("isRevoked", Raw::Function)]);
        for name in ["getToken", "isRevoked"] {
            wants(name, "a function", &[Raw::Null, text("f"), Raw::Bool(true), object(&[])]);
        }
    }

    #[test]
    fn required_scope_is_words_or_a_list() {
        let scopes = |raw| options(&[("requiredScope", raw)]).requirements.scopes;
        assert_eq!(scopes(text("a")), ["a"]);
        assert_eq!(scopes(text(" a  b:c ")), ["a", "b:c"]);
        assert_eq!(scopes(list(&["a", "b"])), ["a", "b"]);
        let mixed = Raw::List(vec![text("a"), Raw::Number(1.0)]);
        let bad = [
            text(""),
            text("  "),
            list(&[]),
            list(&[""]),
            list(&["a b"]),
            text("a\"b"),
            text("a\tb"),
            mixed,
            Raw::Null,
        ];
        wants("requiredScope", "a scope, several separated by spaces, or an array of scopes", &bad);
    }

    #[test]
    fn scope_mode_is_all_or_any() {
        assert!(!options(&[("scopeMode", text("all"))]).requirements.any_scope);
        assert!(options(&[("scopeMode", text("any"))]).requirements.any_scope);
        wants("scopeMode", "'all' or 'any'", &[text("ANY"), text(""), Raw::Null, Raw::Bool(true)]);
    }

    #[test]
    fn required_role_and_role_claims_are_lists() {
        let requirements =
            options(&[("requiredRole", text("order admin")), ("roleClaims", list(&["r", "https://x/r"]))]);
        assert_eq!(requirements.requirements.roles, ["order admin"]);
        assert_eq!(requirements.requirements.role_claims, ["r", "https://x/r"]);
        let bad = [text(""), list(&[]), list(&["a", ""]), Raw::Null, Raw::Number(0.0)];
        wants("requiredRole", "a role or a non-empty array of roles", &bad);
        wants("roleClaims", "a claim name or a non-empty array of such", &bad);
    }

    #[test]
    fn organization_id_is_an_id_or_null_for_none() {
        let organization = |raw| options(&[("organizationId", raw)]).requirements.organization;
        assert_eq!(organization(text("org")), Organization::Id("org".into()));
        assert_eq!(organization(Raw::Null), Organization::None);
        wants("organizationId", "an organization id, or null for none", &[text(""), list(&["org"]), Raw::Function]);
    }

    #[test]
    fn allow_guest_and_skip_jwks_cache_are_booleans() {
        assert!(options(&[("allowGuest", Raw::Bool(true))]).allow_guest);
        for name in ["allowGuest", "skipJwksCache"] {
            wants(name, "a boolean", &[Raw::Null, Raw::Number(1.0), text("true")]);
        }
    }

    #[test]
    fn guest_cookie_takes_attributes_or_false() {
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
        wants("guestCookie", "cookie attributes, or false for no cookie", &[Raw::Null, Raw::Bool(true), text("g")]);
    }

    #[test]
    fn a_wrong_guest_cookie_attribute_is_named_in_full() {
        for (name, value, message) in [
            (
                "maxAge",
                Raw::Number(-1.0),
                "Invalid option \"guestCookie.maxAge\": expected a finite number of seconds, not negative, got -1",
            ),
            ("name", text("a b"), "Invalid option \"guestCookie.name\": expected a cookie name, got \"a b\""),
            (
                "sameSite",
                text("weak"),
                "Invalid option \"guestCookie.sameSite\": expected 'strict', 'lax' or 'none', got \"weak\"",
            ),
            ("secure", Raw::Null, "Invalid option \"guestCookie.secure\": expected a boolean, got null"),
            (
                "httponly",
                Raw::Bool(true),
                "Unknown option \"guestCookie.httponly\": did you mean \"guestCookie.httpOnly\"?",
            ),
            (
                "expires",
                Raw::Date(0.0),
                "Unknown option \"guestCookie.expires\": known options are domain, httpOnly, maxAge, name, path, sameSite, secure",
            ),
        ] {
            let error = parse(&[("guestCookie", object(&[(name, value)]))]).map(|_| ()).unwrap_err();
            assert_eq!((error.option, error.message.as_str()), (format!("guestCookie.{name}"), message));
        }
    }

    #[test]
    fn a_guest_cookie_that_browsers_drop_is_refused() {
        let none = [("sameSite", text("none")), ("secure", Raw::Bool(false))];
        let error = parse(&[("guestCookie", object(&none))]).unwrap_err();
        assert_eq!(
            error.message,
            "Invalid option \"guestCookie.sameSite\": expected another value, or secure: true with it, else browsers drop \
             the cookie, got \"None\""
        );
        let host = [("name", text("__Host-g")), ("domain", text("t.test"))];
        assert!(parse(&[("guestCookie", object(&host))]).is_err());
        assert!(parse(&[("guestCookie", object(&[("path", text("relative"))]))]).is_err());
        assert!(parse(&[("guestCookie", object(&[("domain", text("t.test; x"))]))]).is_err());
    }

    #[test]
    fn token_type_is_a_media_type_or_null_for_any() {
        let typ = |raw| options(&[("tokenType", raw)]).token_type;
        assert_eq!(typ(text("application/AT+JWT")).as_deref(), Some("at+jwt"));
        assert_eq!(typ(text("JWT")).as_deref(), Some("jwt"));
        assert_eq!(typ(Raw::Null), None);
        wants(
            "tokenType",
            "a media type such as 'at+jwt', or null for any",
            &[text(""), Raw::Bool(false), list(&["jwt"])],
        );
    }

    #[test]
    fn algorithms_are_asymmetric_and_named_to_the_letter() {
        assert_eq!(options(&[("algorithms", list(&["PS512", "RS384"]))]).algorithms, [Ps512, Rs384]);
        let all = Algorithm::ALL.map(|(name, _)| name);
        assert_eq!(options(&[("algorithms", list(&all))]).algorithms.len(), 9);
        let bad = [
            list(&[]),
            list(&["none"]),
            list(&["HS256"]),
            list(&["ES384", "HS384"]),
            list(&["es384"]),
            list(&["ES512"]),
            list(&["ES256K"]),
            list(&[""]),
            text("ES384"),
            Raw::Null,
        ];
        wants("algorithms", "a non-empty array of ES384, RS256, ES256, EdDSA, RS384, RS512, PS256, PS384, PS512", &bad);
    }

    #[test]
    fn clock_tolerance_is_a_number_of_seconds() {
        let tolerance = options(&[("clockTolerance", Raw::Number(2.5))]).tolerance;
        assert!((tolerance - 2.5).abs() < f64::EPSILON);
        let bad = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0].map(Raw::Number);
        wants("clockTolerance", "a finite number of seconds, not negative", &bad);
        wants("clockTolerance", "a finite number of seconds, not negative", &[Raw::Null, text("5")]);
    }

    #[test]
    fn current_date_is_a_valid_date() {
        assert_eq!(options(&[("currentDate", Raw::Date(1_500.0))]).current_date, Some(1.5));
        let bad = [Raw::Date(f64::NAN), Raw::Number(0.0), text("2026-01-01"), Raw::Null, Raw::Function];
        wants("currentDate", "a valid Date", &bad);
    }

    #[test]
    fn times_of_the_key_cache_are_milliseconds() {
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
        let bad = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 1e300].map(Raw::Number);
        for name in ["jwksCacheTtlMs", "jwksCooldownMs", "jwksMaxStaleMs"] {
            wants(name, "a finite number of milliseconds, not negative", &bad);
            wants(name, "a finite number of milliseconds, not negative", &[Raw::Null, text("1"), Raw::Bool(false)]);
        }
        wants("jwksTimeoutMs", "a finite number of milliseconds above 0", &bad);
        wants("jwksTimeoutMs", "a finite number of milliseconds above 0", &[Raw::Number(0.0), Raw::Null, text("1")]);
    }

    #[test]
    fn skipping_the_key_cache_means_a_new_answer_every_time() {
        let policy = options(&[("skipJwksCache", Raw::Bool(true)), ("jwksTimeoutMs", Raw::Number(100.0))]).policy;
        assert_eq!((policy.ttl, policy.cooldown, policy.max_stale), (Duration::ZERO, Duration::ZERO, Duration::ZERO));
        assert_eq!(policy.timeout, Duration::from_millis(100));
    }

    #[test]
    fn token_cache_size_is_a_whole_number() {
        assert_eq!(options(&[("tokenCacheSize", Raw::Number(0.0))]).token_cache_size, 0);
        assert_eq!(options(&[("tokenCacheSize", Raw::Number(1e7))]).token_cache_size, 10_000_000);
        let bad = [f64::NAN, f64::INFINITY, -1.0, 0.5, 1e7 + 1.0].map(Raw::Number);
        wants("tokenCacheSize", "a whole number from 0 to 10,000,000", &bad);
        wants("tokenCacheSize", "a whole number from 0 to 10,000,000", &[Raw::Null, text("1"), Raw::Other("BigInt")]);
    }

    #[test]
    fn an_unknown_option_is_refused_with_a_hint() {
        refuses("Audience", text("a"), "Unknown option \"Audience\": did you mean \"audience\"?");
        refuses("requiredscope", text("a"), "Unknown option \"requiredscope\": did you mean \"requiredScope\"?");
        let error = parse(&[("scopes", text("a"))]).map(|_| ()).unwrap_err();
        assert_eq!(error.option, "scopes");
        assert!(
            error
                .message
                .starts_with("Unknown option \"scopes\": known options are algorithms, allowGuest, audience, "),
            "{}",
            error.message
        );
        for name in ["__proto__", "constructor", "", "\u{0}"] {
            assert!(parse(&[(name, Raw::Null)]).is_err());
        }
    }

    #[test]
    fn an_unknown_option_is_refused_even_if_undefined() {
        refuses("AUDIENCE", Raw::Undefined, "Unknown option \"AUDIENCE\": did you mean \"audience\"?");
    }

    #[test]
    fn a_long_or_strange_name_stays_one_line() {
        let error = parse(&[(&format!("a\nb{}", "x".repeat(1_000)), Raw::Null)]).map(|_| ()).unwrap_err();
        assert!(error.message.starts_with("Unknown option \"a\\nbxxx"), "{}", error.message);
        assert!(error.message.len() < 800, "{}", error.message.len());
    }

    #[test]
    fn a_guest_cookie_header_takes_the_same_attributes() {
        assert_eq!(guest_cookie_attributes(Raw::Undefined).unwrap(), guest_cookie());
        let error = guest_cookie_attributes(Raw::Bool(false)).unwrap_err();
        assert_eq!(error.message, "Invalid option \"guestCookie\": expected cookie attributes, got false");
        assert_eq!(guest_cookie_attributes(object(&[("name", text("g"))])).unwrap().name, "g");
    }

    #[test]
    fn an_auth_cookie_header_has_the_attributes_of_the_original() {
        let header = |raw| cookie_attributes(raw, auth_cookie()).unwrap().header("T").unwrap();
        let default = "logto_authtoken=T; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Strict";
        assert_eq!(header(Raw::Undefined), default);
        let all = [
            ("cookieName", text("c")),
            ("maxAge", Raw::Number(1.0)),
            ("domain", text("d.test")),
            ("path", text("/p")),
            ("sameSite", text("none")),
        ];
        assert_eq!(header(object(&all)), "c=T; Max-Age=1; Path=/p; HttpOnly; Secure; SameSite=None; Domain=d.test");
        for wrong in [Raw::Null, text("c"), object(&[("name", text("c"))]), object(&[("httpOnly", Raw::Bool(false))])] {
            assert!(cookie_attributes(wrong, auth_cookie()).is_err());
        }
    }

    #[test]
    fn an_address_may_mean_a_logto_or_a_key_set() {
        let addresses = key_set_addresses(text("HTTPS://T.test/jwks")).unwrap();
        assert_eq!(addresses, ["https://t.test/jwks/oidc/jwks", "https://t.test/jwks"]);
        for wrong in [Raw::Undefined, Raw::Null, text("t.test"), Raw::Number(1.0)] {
            assert_eq!(key_set_addresses(wrong).unwrap_err().option, "logtoUrl");
        }
    }
}
