//! Parses and normalizes URLs as Logto does.

use ::url::{Host, Url};

/// The accepted values of a URL option, as worded in error messages.
pub const URL_EXPECTATION: &str = "an absolute http or https URL";

/// Parses an `http` or `https` URL without credentials, query or fragment.
///
/// # Errors
///
/// A description of the accepted URLs.
pub fn parse(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text.trim()).map_err(|_| URL_EXPECTATION)?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(URL_EXPECTATION);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL without user name and password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("a URL without query and fragment");
    }
    Ok(url)
}

/// The URL that a text without a scheme probably means: `http` for this machine, and `https` for a hostname that
/// contains a dot. Returns `None` for other text.
///
/// ```
/// use logto_authkit::url::with_scheme;
/// assert_eq!(with_scheme("tenant.logto.app").as_deref(), Some("https://tenant.logto.app"));
/// assert_eq!(with_scheme("localhost:3001").as_deref(), Some("http://localhost:3001"));
/// assert_eq!(with_scheme("tenant"), None);
/// ```
#[must_use]
pub fn with_scheme(text: &str) -> Option<String> {
    const URL_CHARS: &[char] = &['.', '-', ':', '/', '_'];
    let text = text.trim();
    let is_plain =
        !text.contains("//") && text.chars().all(|char| char.is_ascii_alphanumeric() || URL_CHARS.contains(&char));
    let url = Some(format!("https://{text}")).filter(|_| is_plain).and_then(|text| parse(&text).ok())?;
    match url.host() {
        _ if is_loopback(&url) => Some(format!("http://{text}")),
        Some(Host::Domain(name)) if name.trim_matches('.').contains('.') => Some(format!("https://{text}")),
        _ => None,
    }
}

/// The issuer of the Logto server at this URL, which may also be the URL of the server's discovery document or key set.
/// The hostname is converted to lower case, and the default port and trailing slashes are removed. The part of the path
/// after `/oidc` that names the discovery document or key set is removed. `/oidc` is appended to a path that does not
/// end with `/oidc`.
///
/// ```
/// use logto_authkit::url::{issuer, parse};
/// let issuer = |text| parse(text).map(|url| issuer(&url)).unwrap();
/// assert_eq!(issuer("https://Auth.Example.TEST:443/"), "https://auth.example.test/oidc");
/// assert_eq!(issuer("https://x.test/logto//"), "https://x.test/logto/oidc");
/// assert_eq!(issuer("https://x.test/oidc/"), "https://x.test/oidc");
/// assert_eq!(issuer("https://x.test/oidc/oidc"), "https://x.test/oidc/oidc");
/// assert_eq!(issuer("https://x.test/oidc/.well-known/openid-configuration"), "https://x.test/oidc");
/// ```
#[must_use]
pub fn issuer(url: &Url) -> String {
    const ISSUER_ENDPOINTS: [&str; 2] = ["/jwks", "/.well-known/openid-configuration"];
    let path = url.path().trim_end_matches('/');
    let issuer_path = ISSUER_ENDPOINTS.iter().find_map(|endpoint| path.strip_suffix(endpoint));
    let path = issuer_path.filter(|path| path.ends_with("/oidc")).unwrap_or(path);
    let base = format!("{}{path}", url.origin().ascii_serialization());
    if path.ends_with("/oidc") { base } else { base + "/oidc" }
}

/// The `logtoUrl` of an issuer. Returns `None` if no Logto server has this issuer, or if the keys would be fetched over
/// plain `http` from another machine. Behind a proxy that terminates TLS, Logto may issue tokens with a plain `http`
/// issuer.
///
/// ```
/// use logto_authkit::url::logto_url;
/// assert_eq!(logto_url("https://x.test/logto/oidc"), Some("https://x.test/logto"));
/// assert_eq!(logto_url("https://x.test"), None);
/// assert_eq!(logto_url("https://X.test/oidc"), None);
/// assert_eq!(logto_url("http://x.test/oidc"), None);
/// ```
#[must_use]
pub fn logto_url(issuer_of_server: &str) -> Option<&str> {
    let logto_url = issuer_of_server.strip_suffix("/oidc")?;
    let url = parse(logto_url).ok()?;
    (issuer(&url) == issuer_of_server && !is_remote_plain_http(&url)).then_some(logto_url)
}

/// The URL of an issuer's key set. OIDC discovery is not used, because Logto derives the `jwks_uri` of its
/// discovery document from the `Host` header of the request.
#[must_use]
pub fn jwks_uri(issuer: &str) -> String {
    format!("{issuer}/jwks")
}

/// Returns `true` if a third party can read and modify the traffic to this URL, because it is sent over plain `http` to
/// another machine.
#[must_use]
pub fn is_remote_plain_http(url: &Url) -> bool {
    url.scheme() == "http" && !is_loopback(url)
}

/// Returns `true` if the host of this URL is the local machine.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"), // RFC 6761 section 6.3
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Returns `true` for an origin in the form that browsers send, which consists only of scheme, host and port.
#[must_use]
pub fn is_origin(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| url.origin().ascii_serialization() == text)
}

/// Returns `true` for the absolute URL of a web page.
#[must_use]
pub fn is_page_url(text: &str) -> bool {
    (text.starts_with("http://") || text.starts_with("https://")) && Url::parse(text).is_ok()
}

/// Returns `true` for a URL that can serve as an identifier. Identifiers are compared as strings, so the URL must be in
/// its normal form.
#[must_use]
pub fn is_identifier(text: &str) -> bool {
    is_page_url(text) && parse(text).is_ok_and(|url| url.as_str() == text || url.as_str() == format!("{text}/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignores_whitespace_around_a_url() {
        assert_eq!(parse(" https://t.test\n").unwrap().as_str(), "https://t.test/");
    }

    #[test]
    fn reports_which_part_of_a_url_is_not_accepted() {
        assert_eq!(parse("https://u:p@t.test"), Err("a URL without user name and password"));
        assert_eq!(parse("https://t.test?"), Err("a URL without query and fragment"));
        assert_eq!(parse("https://t.test#"), Err("a URL without query and fragment"));
        assert_eq!(parse("ws://t.test"), Err("an absolute http or https URL"));
    }

    #[test]
    fn adds_a_scheme_only_to_hostnames() {
        for (text, expected) in [
            (" auth.example.test/logto ", Some("https://auth.example.test/logto")),
            ("127.0.0.1:3001", Some("http://127.0.0.1:3001")),
            ("10.0.0.1", None),
            ("", None),
            (".", None),
            ("https://", None),
            ("ftp://a.test", None),
            ("user:secret@auth.test", None),
            ("a.test?b", None),
            ("auth.test, b.test", None),
        ] {
            assert_eq!(with_scheme(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn recognizes_origins() {
        for origin in ["https://app.test", "http://localhost:3000", "http://[::1]:1"] {
            assert!(is_origin(origin), "{origin}");
        }
        for other in ["", "*", "app.test", "https://app.test/", "https://App.test", "https://app.test:443", "null"] {
            assert!(!is_origin(other), "{other}");
        }
    }

    #[test]
    fn recognizes_identifiers_in_normal_form() {
        for text in ["https://api.test", "https://api.test/", "https://api.test/mcp", "http://127.0.0.1:1/a/"] {
            assert!(is_identifier(text), "{text}");
        }
        for text in
            ["https://API.test", "https://api.test:443", " https://api.test", "https://api.test/?", "https://u@a.test"]
        {
            assert!(!is_identifier(text), "{text}");
        }
    }
}
