//! Parses the options of a verifier and fills in the defaults.

use std::sync::Arc;
use std::time::Duration;

use super::raw::{OptionError, Raw};
use super::reader::{DefaultValue, Reader};
use super::requirements;
use super::revocations;
use super::tokens::{self, GuestPolicy, TokenSource};
use super::values::{identifier, one_or_more, text};
use super::{application, cookies};
use crate::cookie::CookieAttributes;
use crate::jwks::keys::KeySet;
use crate::jwks::{CachePolicy, JwksSource, TrustAnchors};
use crate::requirements::Requirements;
use crate::revocations::Revocations;
use crate::signature::Algorithm;
use crate::url;

/// The accepted values of the `issuer` option, as worded in the error message for an invalid value.
const ISSUER_EXPECTATION: &str = "an absolute http or https URL, or a non-empty array of such";

/// The function whose options are parsed. Each function accepts a variant of the verifier options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OptionsVariant {
    /// The options of `createVerifier`.
    Verifier,
    /// The options of an adapter. Options that may depend on the request can also be functions.
    Adapter,
    /// The options of `mcpAuth`. `audience` is optional, because it defaults to the resource's identifier.
    Resource,
    /// The options of `logto-authkit/server`, where `audience` is optional.
    DropIn,
    /// The options of the `explain` command, where `audience` and `logtoUrl` are optional. A verifier without keys
    /// accepts no token.
    Explain,
}

/// The source of a verifier's keys.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// A JWKS URL, whose key set is either cached or fetched for every verification.
    Url {
        /// The JWKS URL and its trust anchors.
        source: JwksSource,
        /// The issuers whose tokens are verified with the key set. `invalidateJwksCache` also finds the key set by
        /// these issuers.
        issuers: Vec<String>,
        /// Whether the cached key set is shared with other verifiers in the process.
        shared: bool,
    },
    /// The key set in the `jwks` option.
    Static(Arc<KeySet>),
    /// No keys, so tokens can be explained but not verified.
    None,
}

/// The parsed options of a verifier, including defaults.
#[derive(Clone, Debug)]
pub struct Options {
    /// The accepted issuers.
    pub issuers: Vec<String>,
    /// The accepted audiences, or `None` to accept any audience.
    pub audiences: Option<Vec<String>>,
    /// The source of the verifier's keys.
    pub keys: KeySource,
    /// The policy for fetching and caching keys.
    pub policy: CachePolicy,
    /// The name of the token cookie.
    pub cookie_name: String,
    /// The sources that may contain a token, in the order in which they are searched.
    pub sources: Vec<TokenSource>,
    /// The required organization, scopes and roles.
    pub requirements: Requirements,
    /// Which rejected requests are treated as guests.
    pub guests: GuestPolicy,
    /// The attributes of the guest cookie, or `None` if the guest cookie is never set.
    pub guest_cookie: Option<CookieAttributes>,
    /// The required `typ` (RFC 9068 section 2.1), or `None` to accept any type.
    pub token_type: Option<String>,
    /// The accepted algorithms.
    pub algorithms: Vec<Algorithm>,
    /// The tolerance for `exp` and `nbf`, in seconds.
    pub tolerance: f64,
    /// The time at which claims are checked, as Unix time in seconds, or `None` for the
    /// current time, which JavaScript passes to each verification.
    pub current_date: Option<f64>,
    /// Maximum number of verified tokens to cache.
    pub token_cache_size: usize,
    /// The maximum age of a token, counted from its `iat`, in seconds.
    pub max_token_age: Option<f64>,
    /// The realm in challenges, or `None` for the default realm.
    pub realm: Option<String>,
    /// The revocations to check.
    pub revocations: Option<Arc<Revocations>>,
    /// The URL of the protected resource metadata (RFC 9728), for challenges.
    pub resource_metadata: Option<String>,
    /// The origin of the JWKS URL, if keys are fetched from another machine over plain `http`.
    pub insecure_origin: Option<String>,
}

impl Options {
    /// Reads the options of a verifier.
    pub(super) fn read(read: &mut Reader, variant: OptionsVariant) -> Option<Self> {
        let is_explain = variant == OptionsVariant::Explain;
        let logto_url =
            if is_explain { read.url("logtoUrl", DefaultValue::None) } else { read.required_url("logtoUrl") };
        let may_lack_audience =
            matches!(variant, OptionsVariant::Explain | OptionsVariant::DropIn | OptionsVariant::Resource);
        let audiences = tokens::audience(read, may_lack_audience);
        let jwks_uri = read.url("jwksUri", DefaultValue::Derived("<logtoUrl>/oidc/jwks"));
        let key_set =
            read.optional("jwks", "a JSON Web Key Set with at least one usable key", DefaultValue::None, |raw| {
                KeySet::from_json(&raw.to_json()).ok()
            });
        let ca = read.optional(
            "jwksCa",
            "PEM text with at least one certificate and no invalid one",
            DefaultValue::None,
            |raw| text(raw).filter(|pem| TrustAnchors::from_pem(pem).is_some()),
        );
        let is_uncached = read.bool("skipJwksCache", false);
        let cookie_name = cookies::read_cookie_name(read, "cookieName", &cookies::auth_cookie().name);
        let has_get_token = read.function("getToken");
        read.access_check_function("isRevoked");
        let revocations = revocations::read(read);
        application::read(read);
        let resource_metadata = read.url("resourceMetadata", DefaultValue::None);
        let policy = CachePolicy {
            ttl: read.milliseconds("jwksCacheTtlMs", 300_000),
            timeout: read.positive_milliseconds("jwksTimeoutMs", 5_000),
            cooldown: read.milliseconds("jwksCooldownMs", 10_000),
            max_stale: read.milliseconds("jwksMaxStaleMs", 3_600_000),
        };
        let default = DefaultValue::Derived("<logtoUrl>/oidc");
        let issuers = read.optional("issuer", ISSUER_EXPECTATION, default, |raw| {
            one_or_more(raw, |item| identifier(item).filter(|issuer| url::parse(issuer).is_ok()))
        });
        let sources = tokens::token_sources(read, has_get_token);
        let takes_functions = matches!(variant, OptionsVariant::Adapter | OptionsVariant::Resource);
        let requirements = requirements::read(read, takes_functions);
        let guests = tokens::guests(read);
        let guest_cookie = cookies::read_guest_cookie(read);
        let token_type = tokens::token_type(read);
        let algorithms = tokens::algorithms(read);
        let tolerance =
            read.number("clockTolerance", "a finite number of seconds, not negative", DefaultValue::Value(0.into()));
        let current_date = read.date("currentDate");
        let expected = "a finite number of seconds above 0";
        let max_token_age = read.restriction("maxTokenAge", expected, DefaultValue::None, |raw| match raw {
            Raw::Number(value) if value.is_finite() && *value > 0.0 => Some(*value),
            _ => None,
        });
        let realm = tokens::realm(read);
        let token_cache_size = read.count("tokenCacheSize", 5_000);

        if logto_url.is_none() && !is_explain {
            return None;
        }
        let issuer = logto_url.as_ref().map(url::issuer);
        let fetch_url = jwks_uri.as_ref().or(logto_url.as_ref()).filter(|_| key_set.is_none());
        let insecure_origin =
            fetch_url.filter(|url| url::is_remote_plain_http(url)).map(|url| url.origin().ascii_serialization());
        let jwks_uri = jwks_uri.map(String::from).or_else(|| issuer.as_deref().map(url::jwks_uri));
        let key_set_issuers =
            issuer.iter().cloned().chain(issuers.iter().flatten().filter_map(|issuer| normalized_issuer(issuer)));
        let keys = match (key_set, jwks_uri) {
            (Some(keys), _) => KeySource::Static(Arc::new(keys)),
            (None, Some(url)) => KeySource::Url {
                source: JwksSource { url, ca },
                issuers: key_set_issuers.collect(),
                shared: !is_uncached,
            },
            (None, None) => KeySource::None,
        };
        Some(Self {
            keys,
            issuers: issuers.unwrap_or_else(|| issuer.into_iter().collect()),
            audiences,
            policy: if is_uncached { policy.without_cache() } else { policy },
            cookie_name,
            sources,
            requirements,
            guests,
            guest_cookie,
            token_type,
            algorithms,
            tolerance: tolerance.unwrap_or(0.0),
            current_date,
            token_cache_size,
            max_token_age,
            realm,
            revocations,
            resource_metadata: resource_metadata.map(String::from),
            insecure_origin,
        })
    }

    /// The name of the guest cookie. The package reads the guest id from this cookie even if the options turn off
    /// setting the cookie.
    #[must_use]
    pub fn guest_cookie_name(&self) -> &str {
        self.guest_cookie.as_ref().map_or(cookies::GUEST_COOKIE, |cookie| &cookie.name)
    }
}

impl CachePolicy {
    /// Returns this policy with caching turned off: every verification waits for a response from the key server, and
    /// stale key sets are never used.
    const fn without_cache(self) -> Self {
        Self { ttl: Duration::ZERO, cooldown: Duration::ZERO, max_stale: Duration::ZERO, ..self }
    }
}

/// The issuer of the Logto server at a URL.
///
/// # Errors
///
/// Fails if the value is not a URL.
pub fn issuer_of(raw: Raw) -> Result<String, OptionError> {
    read_logto_url(raw).map(|url| url::issuer(&url))
}

/// The issuers and JWKS URLs of all key sets that a URL could mean: the URL may be that of a Logto server or of a JWKS.
///
/// # Errors
///
/// Fails if the value is not a URL.
pub fn key_set_urls(raw: Raw) -> Result<Vec<String>, OptionError> {
    read_logto_url(raw).map(|url| vec![url::issuer(&url), url::jwks_uri(&url::issuer(&url)), String::from(url)])
}

fn normalized_issuer(issuer: &str) -> Option<String> {
    url::parse(issuer).ok().map(|url| url::issuer(&url))
}

fn read_logto_url(raw: Raw) -> Result<::url::Url, OptionError> {
    let mut reader = Reader::new("", vec![("logtoUrl".into(), raw)]);
    let logto_url = reader.required_url("logtoUrl");
    reader.finish()?;
    logto_url.ok_or_else(|| OptionError::not_an_object(&Raw::Undefined))
}
