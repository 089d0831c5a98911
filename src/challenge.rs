//! The `WWW-Authenticate` challenges of errors.

/// The realm of challenges, unless the options set another.
pub const DEFAULT_REALM: &str = "api";

/// A `WWW-Authenticate` challenge (RFC 6750 section 3).
pub enum Challenge {
    /// No challenge, because the server failed and other credentials would not help.
    None,
    /// The scheme and the realm, because the request contained no credentials and a challenge needs at least one parameter
    /// (RFC 9110 section 11.6.1).
    Realm,
    /// The scheme, followed by this `error` parameter.
    Error(&'static str),
}

impl Challenge {
    /// The part of the header value that is the same for every request, with the default realm.
    #[must_use]
    pub fn prefix(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Realm => Some(format!("Bearer realm=\"{DEFAULT_REALM}\"")),
            Self::Error(error) => Some(format!("Bearer error=\"{error}\"")),
        }
    }
}
