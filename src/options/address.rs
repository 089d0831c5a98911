//! Addresses, normalised as Logto normalises its own.

use url::{Host, Url};

/// An `http` or `https` address without credentials, query and fragment.
///
/// # Errors
///
/// What is wanted instead, in words.
pub fn parse(text: &str) -> Result<Url, &'static str> {
    const WANTED: &str = "an absolute http or https address";
    let url = Url::parse(text.trim()).map_err(|_| WANTED)?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(WANTED);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an address without user name and password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("an address without query and fragment");
    }
    Ok(url)
}

/// The issuer of a Logto at that address: host in lower case, default port and trailing slashes dropped, sub-path
/// kept, `/oidc` appended unless the path already ends in it.
///
/// ```
/// use logto_authkit::options::address::{issuer, parse};
/// let issuer = |text| parse(text).map(|url| issuer(&url)).unwrap();
/// assert_eq!(issuer("https://Auth.Example.TEST:443/"), "https://auth.example.test/oidc");
/// assert_eq!(issuer("https://x.test/logto//"), "https://x.test/logto/oidc");
/// assert_eq!(issuer("https://x.test/oidc/"), "https://x.test/oidc");
/// assert_eq!(issuer("https://x.test/oidc/oidc"), "https://x.test/oidc/oidc");
/// ```
#[must_use]
pub fn issuer(url: &Url) -> String {
    let base = format!("{}{}", url.origin().ascii_serialization(), url.path().trim_end_matches('/'));
    if url.path().trim_end_matches('/').ends_with("/oidc") { base } else { base + "/oidc" }
}

/// Whether what travels to that address can be read and changed on the way: plain `http` beyond loopback.
#[must_use]
pub fn is_exposed(url: &Url) -> bool {
    url.scheme() == "http" && !is_loopback(url)
}

/// Whether that address is on this very machine.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"), // RFC 6761 section 6.3
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_around_an_address_does_not_count() {
        assert_eq!(parse(" https://t.test\n").unwrap().as_str(), "https://t.test/");
    }

    #[test]
    fn an_address_with_more_than_an_address_says_what_is_wanted() {
        assert_eq!(parse("https://u:p@t.test"), Err("an address without user name and password"));
        assert_eq!(parse("https://t.test?"), Err("an address without query and fragment"));
        assert_eq!(parse("https://t.test#"), Err("an address without query and fragment"));
        assert_eq!(parse("ws://t.test"), Err("an absolute http or https address"));
    }
}
