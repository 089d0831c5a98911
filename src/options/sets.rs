//! The options that each function of the package accepts.

use serde_json::{Map, Value, json};

use super::environment::{self, Environment};
use super::raw::{OptionError, Raw};
use super::reader::{DefaultValue, Reader};
use super::verifier::{Options, OptionsVariant};
use super::{adapters, cookies, requirements, resource_metadata, revocations, sources, testing};

/// A set of options, named after a function that accepts these options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionSet {
    /// The options of `createVerifier` and `verifyAuth`.
    Verifier,
    /// The options of `verifyAuth` in `logto-authkit/server`, where `audience` is optional.
    Server,
    /// The options of the `explain` command, where `logtoUrl` and `audience` are optional.
    Explain,
    /// The options of the middleware for Express, Fastify, Hono and Koa.
    Adapter,
    /// The options of the guard for Nest.
    Nest,
    /// The options of `withAuth`, `createNextAuth`, `verifyNextAuth` and `getAuth`.
    Next,
    /// The options of `authProxy`.
    Proxy,
    /// The options of the `authProxy` that `createNextAuth` returns.
    ProxyExtra,
    /// The options of `verifyUpgrade` and `socketAuth`.
    Upgrade,
    /// The options of `mcpAuth`.
    Mcp,
    /// The options of `protect`.
    Requirements,
    /// The `guestCookie` option, and the options of `buildGuestCookieHeader`.
    GuestCookie,
    /// The options of `buildAuthCookieHeader`.
    AuthCookie,
    /// The options of `buildCsrfCookieHeader`.
    CsrfCookie,
    /// The options of `createCsrfMiddleware` and `verifyCsrfToken`.
    Csrf,
    /// The options of `createResourceMetadata`.
    ResourceMetadata,
    /// The options of `createRevocations`.
    Revocations,
    /// The options of `redisStore`.
    RedisStore,
    /// The options of `revokeSubject`.
    RevokeSubject,
    /// The options of `revokeClient`, `revokeOrganization` and `revokeAll`.
    Revoke,
    /// The options of `webhook`.
    Webhook,
    /// The options of `backchannelLogout`.
    BackchannelLogout,
    /// The options of `catchUp`.
    CatchUp,
    /// The options of `createTestIssuer`.
    TestIssuer,
    /// The options of a test issuer's `mint` method.
    Mint,
    /// The options of a test issuer's `rotateKeys` method.
    RotateKeys,
}

impl OptionSet {
    /// All option sets, each with its name.
    pub const ALL: [(Self, &'static str); 26] = [
        (Self::Verifier, "verifier"),
        (Self::Server, "server"),
        (Self::Explain, "explain"),
        (Self::Adapter, "adapter"),
        (Self::Nest, "nest"),
        (Self::Next, "next"),
        (Self::Proxy, "proxy"),
        (Self::ProxyExtra, "proxyExtra"),
        (Self::Upgrade, "upgrade"),
        (Self::Mcp, "mcp"),
        (Self::Requirements, "requirements"),
        (Self::GuestCookie, "guestCookie"),
        (Self::AuthCookie, "authCookie"),
        (Self::CsrfCookie, "csrfCookie"),
        (Self::Csrf, "csrf"),
        (Self::ResourceMetadata, "resourceMetadata"),
        (Self::Revocations, "revocations"),
        (Self::RedisStore, "redisStore"),
        (Self::RevokeSubject, "revokeSubject"),
        (Self::Revoke, "revoke"),
        (Self::Webhook, "webhook"),
        (Self::BackchannelLogout, "backchannelLogout"),
        (Self::CatchUp, "catchUp"),
        (Self::TestIssuer, "testIssuer"),
        (Self::Mint, "mint"),
        (Self::RotateKeys, "rotateKeys"),
    ];

    /// The option set with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find_map(|(set, known)| (known == name).then_some(set))
    }

    /// Whether environment variables such as `LOGTO_URL` are used for omitted options. The variables have no effect on
    /// `logto-authkit/server`, which behaves like `@ouim/logto-authkit/server`, or on the command line, where the
    /// JavaScript code combines flags and variables.
    const fn reads_environment(self) -> bool {
        matches!(
            self,
            Self::Verifier
                | Self::Adapter
                | Self::Nest
                | Self::Next
                | Self::Proxy
                | Self::Upgrade
                | Self::Mcp
                | Self::ResourceMetadata
        )
    }

    /// Reads every option in the option set. Returns the options for a verifier if the option set belongs to a function
    /// that verifies tokens.
    fn read(self, read: &mut Reader) -> Option<Options> {
        let options = match self {
            Self::Verifier => Options::read(read, OptionsVariant::Verifier),
            Self::Server => Options::read(read, OptionsVariant::DropIn),
            Self::Explain => Options::read(read, OptionsVariant::Explain),
            Self::Adapter | Self::Nest | Self::Next | Self::Proxy | Self::Upgrade => {
                Options::read(read, OptionsVariant::Adapter)
            }
            _ => None,
        };
        match self {
            Self::Verifier | Self::Server | Self::Explain => {}
            Self::Adapter => {
                adapters::read_error_handler(read);
                adapters::read_property_option(read);
                adapters::read_preflight_option(read);
            }
            Self::Nest | Self::Next => adapters::read_preflight_option(read),
            Self::Proxy | Self::ProxyExtra => {
                adapters::read_proxy_options(read);
                adapters::read_preflight_option(read);
            }
            Self::Upgrade => adapters::read_upgrade_options(read),
            Self::Mcp => {
                // In MCP, clients send the token in the `Authorization` header, and there are no guests.
                read.exclude(&[
                    "allowGuest",
                    "bearerMethodsSupported",
                    "cookieName",
                    "guestCookie",
                    "resourceMetadata",
                    "tokenSources",
                ]);
                drop(Options::read(read, OptionsVariant::Resource));
                adapters::read_error_handler(read);
                adapters::read_preflight_option(read);
                resource_metadata::read_resource_options(read);
            }
            Self::Requirements => drop(requirements::read_route_requirements(read)),
            Self::GuestCookie => drop(cookies::read_guest_cookie_attributes(read)),
            Self::AuthCookie => drop(cookies::read_cookie_attributes(read, "cookieName", cookies::auth_cookie())),
            Self::CsrfCookie => drop(cookies::read_cookie_attributes(read, "cookieName", cookies::csrf_cookie())),
            Self::Csrf => cookies::read_csrf_options(read),
            Self::ResourceMetadata => drop(resource_metadata::read(read)),
            Self::Revocations => drop(revocations::read_revocations_options(read)),
            Self::RedisStore => revocations::read_redis_store_options(read),
            Self::RevokeSubject => drop(revocations::read_revoke_subject_options(read, f64::INFINITY)),
            Self::Revoke => drop(revocations::read_revoke_options(read, f64::INFINITY)),
            Self::Webhook => drop(sources::read_webhook_options(read)),
            Self::BackchannelLogout => drop(sources::read_logout_options(read)),
            Self::CatchUp => drop(sources::read_catch_up_options(read)),
            Self::TestIssuer => testing::read_issuer_options(read),
            Self::Mint => testing::read_mint_options(read),
            Self::RotateKeys => testing::read_key_rotation_options(read),
        }
        options
    }

    /// Checks an options object against this option set. The object may be omitted if no option in the set is required.
    ///
    /// # Errors
    ///
    /// Reports the first option that is invalid, unknown, or required but missing.
    pub fn check(self, raw: Raw) -> Result<(), OptionError> {
        self.check_with_environment(raw, Environment::default())
    }

    /// Checks an options object against this option set. Environment variables are used for omitted options if the
    /// option set allows it.
    ///
    /// # Errors
    ///
    /// Reports the first option that is invalid, unknown, or required but missing.
    pub fn check_with_environment(self, raw: Raw, environment: Environment) -> Result<(), OptionError> {
        let members = match raw {
            Raw::Object(members) => members,
            Raw::Undefined => Vec::new(),
            other if matches!(self, Self::Webhook | Self::BackchannelLogout | Self::CatchUp) => {
                return Err(OptionError::secret_instead_of_object(&other));
            }
            other => return Err(OptionError::not_an_object(&other)),
        };
        let environment = Some(environment).filter(|_| self.reads_environment());
        let mut reader = Reader::new("", members).with_environment(environment);
        self.read(&mut reader);
        reader.finish()
    }

    /// Describes each option in the option set as JSON, for the constants that JavaScript shares with the core.
    pub(crate) fn entries(self) -> Value {
        let mut reader = Reader::default();
        self.read(&mut reader);
        let entries = reader.into_entries().into_iter().map(|entry| {
            let mut members = Map::new();
            members.insert("name".into(), entry.name.into());
            members.insert("expected".into(), entry.expected.as_ref().into());
            let has_variable = self.reads_environment() && matches!(entry.default, DefaultValue::Derived("required"));
            if let Some(variable) = environment::variable(entry.name).filter(|_| has_variable) {
                members.insert("variable".into(), variable.name.into());
                members.insert("advice".into(), variable.advice.into());
            }
            match entry.default {
                DefaultValue::None => {}
                DefaultValue::Value(value) => drop(members.insert("default".into(), value)),
                DefaultValue::Derived("required") => drop(members.insert("required".into(), json!(true))),
                DefaultValue::Derived(words) => drop(members.insert("derived".into(), words.into())),
            }
            Value::Object(members)
        });
        entries.collect()
    }
}

impl Options {
    /// Parses the options of a verifier and fills in the defaults.
    ///
    /// # Errors
    ///
    /// Reports the first option that is invalid, unknown, or required but missing.
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
    /// assert_eq!(error.message, "Invalid option \"logtoUrl\": expected an absolute http or https URL, or the environment variable LOGTO_URL, got undefined");
    /// ```
    pub fn parse(raw: Raw) -> Result<Self, OptionError> {
        Self::parse_option_set(OptionSet::Verifier, raw)
    }

    /// Parses an options object of the option set `set`, and returns the options of the verifier.
    ///
    /// # Errors
    ///
    /// Reports the first option that is invalid, unknown, or required but missing. Also fails if the option set does
    /// not include the options of a verifier.
    pub fn parse_option_set(set: OptionSet, raw: Raw) -> Result<Self, OptionError> {
        Self::parse_with_environment(set, raw, Environment::default())
    }

    /// Parses an options object that belongs to the option set `set`, and returns the verifier's options in it. If the
    /// option set allows it, environment variables are used for omitted options, and the whole options object may be
    /// omitted.
    ///
    /// # Errors
    ///
    /// Reports the first option that is invalid, unknown, or required but missing. Also fails if the option set does
    /// not include the options of a verifier.
    pub fn parse_with_environment(set: OptionSet, raw: Raw, environment: Environment) -> Result<Self, OptionError> {
        let environment = Some(environment).filter(|_| set.reads_environment());
        let members = match raw {
            Raw::Object(members) => members,
            Raw::Undefined if environment.is_some() => Vec::new(),
            other => return Err(OptionError::not_an_object(&other)),
        };
        let mut reader = Reader::new("", members).with_environment(environment);
        let options = set.read(&mut reader);
        reader.finish()?;
        options.ok_or_else(|| OptionError::not_an_object(&Raw::Undefined))
    }
}
