//! The options that determine where to look for tokens, which tokens are accepted, and which requests are treated as
//! guests.

use super::raw::Raw;
use super::reader::{DefaultValue, Reader};
use super::values::{identifier, items, name, one_of, one_or_more, text};
use crate::challenge::DEFAULT_REALM;
use crate::error::ErrorCode;
use crate::signature::Algorithm;
use crate::token::{LOGOUT_TOKEN_TYPE, media_type};

/// The algorithms accepted by default.
pub const DEFAULT_ALGORITHMS: [Algorithm; 6] =
    [Algorithm::Es384, Algorithm::Rs256, Algorithm::Es256, Algorithm::Es512, Algorithm::EdDsa, Algorithm::Ed25519];

/// A part of a request that may contain a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// The cookie with the configured name.
    Cookie,
    /// The `Authorization: Bearer` header (RFC 6750 section 2.1).
    Header,
}

/// Which requests are treated as guests instead of being rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuestPolicy {
    /// No request is treated as a guest.
    Never,
    /// Requests without any token are treated as guests. Requests with an invalid token are rejected.
    WithoutToken,
    /// All requests whose verification fails are treated as guests.
    Always,
}

impl GuestPolicy {
    /// Whether a request whose verification fails with this code is treated as a guest instead of being rejected.
    #[must_use]
    pub fn includes(self, code: ErrorCode) -> bool {
        match self {
            Self::Never => false,
            Self::WithoutToken => code == ErrorCode::MissingToken,
            Self::Always => true,
        }
    }
}

/// Reads the accepted audiences. The option is required, because omitting the audience by mistake would mean accepting
/// every token of the tenant.
pub fn audience(read: &mut Reader, may_be_missing: bool) -> Option<Vec<String>> {
    const AUDIENCE_EXPECTATION: &str =
        "the API identifier (resource indicator), a non-empty array of such, or null to accept every audience";
    let default = if may_be_missing { DefaultValue::None } else { DefaultValue::Derived("required") };
    match read.take("audience", AUDIENCE_EXPECTATION, default) {
        Some(Raw::Null) => None,
        None if may_be_missing => None,
        None => read.variable("audience", AUDIENCE_EXPECTATION, |value| {
            let audiences = value.split_whitespace().map(|audience| api_identifier(&Raw::String(audience.into())));
            let audiences: Option<Vec<_>> = audiences.collect();
            audiences
                .filter(|audiences| !audiences.is_empty())
                .ok_or("API identifiers (resource indicators), separated by white space")
        }),
        Some(given) => {
            let audiences = one_or_more(&given, api_identifier);
            if audiences.is_none() {
                read.reject("audience", AUDIENCE_EXPECTATION, &given);
            }
            audiences
        }
    }
}

/// Parses the identifier of an API. Several identifiers that are separated by commas would match no token.
fn api_identifier(raw: &Raw) -> Option<String> {
    let starts_identifier = |part: &str| part.is_empty() || part.contains("://") || part.starts_with("urn:");
    identifier(raw).filter(|text| !text.split(',').skip(1).any(starts_identifier))
}

/// Reads the option that lists the parts of a request in which to look for a token. The list may be empty if the
/// application extracts tokens itself.
pub fn token_sources(read: &mut Reader, may_be_empty: bool) -> Vec<TokenSource> {
    const TOKEN_SOURCE_NAMES: [(&str, TokenSource); 2] =
        [("cookie", TokenSource::Cookie), ("header", TokenSource::Header)];
    let default = DefaultValue::Value(TOKEN_SOURCE_NAMES.iter().map(|(name, _)| *name).collect());
    let sources = read.optional("tokenSources", "an array of 'cookie' and 'header'", default, |raw| {
        let Raw::List(given) = raw else { return None };
        let sources: Vec<_> = given.iter().map(|item| one_of(item, &TOKEN_SOURCE_NAMES)).collect::<Option<_>>()?;
        let has_duplicates =
            sources.iter().enumerate().any(|(i, source)| sources.iter().skip(i + 1).any(|other| other == source));
        (!has_duplicates && (may_be_empty || !sources.is_empty())).then_some(sources)
    });
    sources.unwrap_or_else(|| TOKEN_SOURCE_NAMES.iter().map(|(_, source)| *source).collect())
}

/// Reads the option that allows guests.
pub fn guests(read: &mut Reader) -> GuestPolicy {
    let guests =
        read.optional("allowGuest", "a boolean or 'no-token'", DefaultValue::Value(false.into()), |raw| match raw {
            Raw::Bool(true) => Some(GuestPolicy::Always),
            Raw::Bool(false) => Some(GuestPolicy::Never),
            other => one_of(other, &[("no-token", GuestPolicy::WithoutToken)]),
        });
    guests.unwrap_or(GuestPolicy::Never)
}

/// Reads the `realm` option, which is sent as a quoted string (RFC 9110 section 11.5).
pub fn realm(read: &mut Reader) -> Option<String> {
    let expected = "printable ASCII characters except quotes and backslashes";
    read.optional("realm", expected, DefaultValue::Value(DEFAULT_REALM.into()), |raw| {
        name(raw).filter(|realm| realm.chars().all(|char| matches!(char, ' '..='~') && !matches!(char, '"' | '\\')))
    })
}

/// Reads the required `typ`, or returns `None` if any type is accepted.
pub fn token_type(read: &mut Reader) -> Option<String> {
    const DEFAULT_TOKEN_TYPE: &str = "at+jwt";
    let default = DefaultValue::Value(DEFAULT_TOKEN_TYPE.into());
    let given =
        read.optional("tokenType", "a media type such as 'at+jwt', or null for any", default, |raw| match raw {
            Raw::Null => Some(None),
            // The option must not be `logout+jwt`, because logout tokens are always rejected, and must not contain
            // white space, because no token has such a `typ`.
            other => identifier(other).map(|typ| media_type(&typ)).filter(|typ| typ != LOGOUT_TOKEN_TYPE).map(Some),
        });
    given.unwrap_or_else(|| Some(DEFAULT_TOKEN_TYPE.into()))
}

/// Reads the accepted algorithms.
pub fn algorithms(read: &mut Reader) -> Vec<Algorithm> {
    let names = Algorithm::ALL.map(|(name, _)| name).join(", ");
    let default = DefaultValue::Value(DEFAULT_ALGORITHMS.iter().map(|algorithm| algorithm.name()).collect());
    let algorithms = read.optional("algorithms", format!("a non-empty array of {names}"), default, |raw| {
        items(raw, |item| Algorithm::from_name(&text(item)?))
    });
    algorithms.unwrap_or_else(|| DEFAULT_ALGORITHMS.to_vec())
}
