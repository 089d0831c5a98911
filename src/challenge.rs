//! The `WWW-Authenticate` challenges in error responses.

/// The default realm in challenges. The `realm` option overrides it.
pub const DEFAULT_REALM: &str = "api";

/// A `WWW-Authenticate` challenge (RFC 6750 section 3).
pub enum Challenge {
    /// The response has no challenge, because the server failed and other credentials would not help.
    None,
    /// The challenge has no `error`, because the request contained no credentials (RFC 6750 section 3.1). The challenge
    /// has a realm, because a challenge for bearer tokens needs at least one parameter (RFC 6750 section 3).
    Realm,
    /// The challenge has an `error` parameter with this value.
    Error(&'static str),
}

impl Challenge {
    /// The start of the challenge, which is the same for every request that uses the default realm.
    #[must_use]
    pub fn prefix(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Realm => Some(format!("Bearer realm=\"{DEFAULT_REALM}\"")),
            Self::Error(error) => Some(format!("Bearer error=\"{error}\"")),
        }
    }
}
