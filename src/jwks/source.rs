//! The source of a key set: its URL and the certificates to trust.

/// A key set's URL and trust anchors.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JwksSource {
    /// The JWKS URL.
    pub url: String,
    /// The only certificates to trust, in PEM format. With `None`, Mozilla's certificates, the system's and those in
    /// `NODE_EXTRA_CA_CERTS` are trusted.
    pub ca: Option<String>,
}

impl From<&str> for JwksSource {
    fn from(url: &str) -> Self {
        Self { url: url.to_owned(), ca: None }
    }
}
