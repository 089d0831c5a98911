//! The source of a key set: its URL and the certificates to trust.

/// The source of a key set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// The URL.
    pub url: String,
    /// The only certificates to trust, in PEM format. `None` means those of Mozilla, the system and `NODE_EXTRA_CA_CERTS`.
    pub ca: Option<String>,
}

impl From<&str> for Source {
    fn from(url: &str) -> Self {
        Self { url: url.to_owned(), ca: None }
    }
}
