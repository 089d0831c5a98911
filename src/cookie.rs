//! Reads `Cookie` headers and writes `Set-Cookie` headers (RFC 6265).

/// Maximum combined length of a cookie's name and value, in bytes. Browsers drop longer cookies (RFC 6265bis section
/// 5.7).
const MAX_COOKIE_BYTES: usize = 4_096;

/// The attributes of a `Set-Cookie` header.
#[derive(Clone, Debug, PartialEq)]
pub struct CookieAttributes {
    /// The cookie's name.
    pub name: String,
    /// The lifetime in seconds, or `None` for the duration of the browser session.
    pub max_age: Option<f64>,
    /// The browser sends the cookie only with requests whose path has this prefix.
    pub path: String,
    /// The domain whose hosts receive the cookie, or `None` if only the host that set the cookie receives it.
    pub domain: Option<String>,
    /// Whether the cookie is hidden from scripts.
    pub http_only: bool,
    /// Whether the browser sends the cookie only over https. With `None`, the cookie is sent only over https, unless
    /// [`CookieAttributes::for_host`] decides otherwise.
    pub secure: Option<bool>,
    /// When the browser sends the cookie with requests from other sites.
    pub same_site: SameSite,
    /// Whether the `Path` attribute precedes `Max-Age`. Browsers accept attributes in any order, but the package writes
    /// those of each cookie in a fixed order.
    pub path_first: bool,
}

/// The `SameSite` attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// The browser never sends the cookie with requests from other sites.
    Strict,
    /// From other sites, the browser sends the cookie only with top-level navigations.
    Lax,
    /// The browser always sends the cookie. Browsers accept this value only together with `Secure`.
    None,
}

impl SameSite {
    /// The attribute's value in the header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
            Self::None => "None",
        }
    }
}

/// Returns the non-empty values of all cookies with this name, in the order of the header.
///
/// All values are returned, because parsers disagree about which value counts, and because a sibling domain can set a
/// second cookie (cookie tossing).
///
/// ```
/// use logto_authkit::cookie::values_of;
/// assert_eq!(values_of("a=1; b=2; a=\"3\"", "a").collect::<Vec<_>>(), ["1", "3"]);
/// ```
pub fn values_of<'a>(header: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    names_and_values(header).filter_map(move |(key, value)| (key == name && !value.is_empty()).then_some(value))
}

/// Returns the names and values of all cookies in the order of the header, without the quotes around values.
pub(crate) fn names_and_values(header: &str) -> impl Iterator<Item = (&str, &str)> {
    header.split(';').filter_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        let value = value.trim_matches([' ', '\t']);
        let value = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
        Some((key.trim_matches([' ', '\t']), value))
    })
}

impl CookieAttributes {
    /// Returns the cookie attributes for a response from this host. `Secure` is omitted for plain http on the local
    /// machine, where some browsers would drop a `Secure` cookie. `Secure` is kept if the options set it explicitly, or
    /// if another attribute requires it.
    #[must_use]
    pub fn for_host(&self, protocol: Option<&str>, host: Option<&str>) -> Self {
        let is_required =
            self.same_site == SameSite::None || self.name.starts_with("__Host-") || self.name.starts_with("__Secure-");
        let is_insecure_allowed = !is_required && is_local_http(protocol, host);
        Self { secure: self.secure.or(is_insecure_allowed.then_some(false)), ..self.clone() }
    }

    /// Builds the `Set-Cookie` header for a value, with the attributes in a fixed order.
    ///
    /// # Errors
    ///
    /// Reports the value or attribute that has forbidden characters (RFC 6265 section 4.1.1) or makes browsers drop the
    /// cookie.
    ///
    /// ```
    /// let cookie = logto_authkit::options::guest_cookie();
    /// assert_eq!(
    ///     cookie.header("visitor").unwrap(),
    ///     "guest_logto_authtoken=visitor; Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=Lax"
    /// );
    /// assert!(cookie.header("a; Domain=example.com").is_err());
    /// ```
    pub fn header(&self, value: &str) -> Result<String, CookieError> {
        if !value.bytes().all(is_cookie_octet) {
            let expected = "a cookie value without white space, quotes, commas, semicolons and backslashes";
            return Err(CookieError { attribute: None, expected, given: String::new() });
        }
        if self.name.len() + value.len() > MAX_COOKIE_BYTES {
            let expected = "at most 4,096 bytes together with the name of the cookie, else browsers drop the cookie";
            return Err(CookieError { attribute: None, expected, given: String::new() });
        }
        self.check()?;
        let max_age = self.max_age.map(|seconds| format!("; Max-Age={seconds:.0}")).unwrap_or_default();
        let path = format!("; Path={}", self.path);
        let (first_field, second_field) = if self.path_first { (path, max_age) } else { (max_age, path) };
        let domain = self.domain.as_ref().map(|domain| format!("; Domain={domain}")).unwrap_or_default();
        let http_only = if self.http_only { "; HttpOnly" } else { "" };
        let secure = if self.is_secure() { "; Secure" } else { "" };
        let same_site = self.same_site.name();
        let name = &self.name;
        Ok(format!("{name}={value}{first_field}{second_field}{http_only}{secure}; SameSite={same_site}{domain}"))
    }

    fn is_secure(&self) -> bool {
        self.secure.unwrap_or(true)
    }

    /// Checks that browsers accept cookies with these attributes.
    ///
    /// # Errors
    ///
    /// Reports the first attribute that browsers reject.
    pub fn check(&self) -> Result<(), CookieError> {
        let is_host_octet = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        let domain = self.domain.as_deref();
        let error = |attribute, expected, given: &str| {
            Err(CookieError { attribute: Some(attribute), expected, given: given.into() })
        };
        if !is_cookie_name(&self.name) {
            error("name", "a cookie name", &self.name)
        } else if !self.path.starts_with('/') || !self.path.bytes().all(is_attribute_octet) {
            error("path", "a path that starts with / and has no semicolon or control character", &self.path)
        } else if domain.is_some_and(|domain| domain.is_empty() || !domain.bytes().all(is_host_octet)) {
            error("domain", "a domain of letters, digits, dots and hyphens", domain.unwrap_or_default())
        } else if self.same_site == SameSite::None && !self.is_secure() {
            error("sameSite", "another value, or secure: true with it, else browsers drop the cookie", "None")
        } else if self.name.starts_with("__Host-") && (!self.is_secure() || domain.is_some() || self.path != "/") {
            error("name", "secure: true, path '/' and no domain with it, else browsers drop the cookie", &self.name)
        } else if self.name.starts_with("__Secure-") && !self.is_secure() {
            error("name", "secure: true with it, else browsers drop the cookie", &self.name)
        } else {
            Ok(())
        }
    }
}

/// An invalid cookie value or attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieError {
    /// Which part of the cookie is invalid: the attribute with this name, the cookie's name (`Some("name")`), or the
    /// cookie's value (`None`).
    pub attribute: Option<&'static str>,
    /// A description of the accepted values.
    pub expected: &'static str,
    /// The invalid value.
    pub given: String,
}

/// Returns `true` for plain http to a hostname that every browser resolves to the local machine.
fn is_local_http(protocol: Option<&str>, host: Option<&str>) -> bool {
    let host = host.unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(protocol, Some("http" | "http:"))
        && (name.eq_ignore_ascii_case("localhost") || name == "127.0.0.1" || name == "[::1]")
}

/// Returns `true` for a valid cookie or header name, which is a `token` (RFC 9110 section 5.6.2).
#[must_use]
pub fn is_cookie_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

const fn is_cookie_octet(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}

const fn is_attribute_octet(byte: u8) -> bool {
    matches!(byte, 0x20..=0x3a | 0x3c..=0x7e)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::guest_cookie;

    #[test]
    fn matches_whole_names_only() {
        let header = "xtoken=1; token2=2; Token=3; token=4; token=; =5; token; other";
        assert_eq!(values_of(header, "token").collect::<Vec<_>>(), ["4"]);
    }

    #[test]
    fn returns_every_value_of_a_name() {
        assert_eq!(values_of("t=a;t=b ;\tt = c", "t").collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn rejects_forbidden_characters_in_a_value() {
        for value in ["a;b", "a b", "a\r\nSet-Cookie: x=y", "a\"", "a,b", "a\\", "\u{e4}", "a\0"] {
            assert!(guest_cookie().header(value).is_err(), "{value:?}");
        }
    }

    #[test]
    fn c4_rejects_a_name_and_value_that_are_too_long_together() {
        let longest_value = "x".repeat(MAX_COOKIE_BYTES - guest_cookie().name.len());
        assert!(guest_cookie().header(&longest_value).is_ok());
        assert!(guest_cookie().header(&format!("{longest_value}x")).unwrap_err().expected.contains("4,096 bytes"));
    }

    #[test]
    fn rejects_forbidden_characters_in_an_attribute() {
        for path in ["", "x", "/;", "/\r\n", "/\u{e4}"] {
            assert!(CookieAttributes { path: path.into(), ..guest_cookie() }.check().is_err(), "{path:?}");
        }
        for domain in ["", "a;b", "a b", "a\r\n", "\u{e4}.test"] {
            assert!(CookieAttributes { domain: Some(domain.into()), ..guest_cookie() }.check().is_err(), "{domain:?}");
        }
        for name in ["", "a=b", "a;b", "a b", "\u{e4}"] {
            assert!(CookieAttributes { name: name.into(), ..guest_cookie() }.check().is_err(), "{name:?}");
        }
    }

    #[test]
    fn rejects_a_cookie_that_browsers_drop() {
        let insecure_cookie = CookieAttributes { secure: Some(false), ..guest_cookie() };
        assert!(insecure_cookie.check().is_ok());
        assert!(CookieAttributes { same_site: SameSite::None, ..insecure_cookie.clone() }.check().is_err());
        assert!(CookieAttributes { name: "__Host-g".into(), ..insecure_cookie.clone() }.check().is_err());
        assert!(CookieAttributes { name: "__Secure-g".into(), ..insecure_cookie }.check().is_err());
        let host_cookie = CookieAttributes { name: "__Host-g".into(), ..guest_cookie() };
        assert!(host_cookie.check().is_ok());
        assert!(CookieAttributes { domain: Some("x.test".into()), ..host_cookie }.check().is_err());
    }

    #[test]
    fn is_secure_except_on_plain_http_loopback() {
        let is_secure =
            |cookie: &CookieAttributes, protocol, host| cookie.for_host(Some(protocol), Some(host)).is_secure();
        for host in ["localhost", "LocalHost:3000", "127.0.0.1:1", "[::1]", "[::1]:80"] {
            assert!(!is_secure(&guest_cookie(), "http", host), "{host}");
            assert!(!is_secure(&guest_cookie(), "http:", host), "{host}");
            assert!(is_secure(&guest_cookie(), "https", host), "{host}");
        }
        for host in [
            "t.test",
            "localhost.t.test",
            "127.0.0.2",
            "localhost:",
            "localhost:80a",
            "localhost:80:80",
            "::1",
            "",
            "a@localhost",
        ] {
            assert!(is_secure(&guest_cookie(), "http", host), "{host}");
        }
        assert!(guest_cookie().for_host(None, Some("localhost")).is_secure());
        assert!(guest_cookie().for_host(Some("http"), None).is_secure());
    }

    #[test]
    fn keeps_secure_if_it_was_set_explicitly_or_is_required() {
        let secure_locally = |cookie: CookieAttributes| cookie.for_host(Some("http"), Some("localhost")).is_secure();
        assert!(secure_locally(CookieAttributes { secure: Some(true), ..guest_cookie() }));
        assert!(secure_locally(CookieAttributes { same_site: SameSite::None, ..guest_cookie() }));
        assert!(secure_locally(CookieAttributes { name: "__Host-g".into(), ..guest_cookie() }));
        assert!(secure_locally(CookieAttributes { name: "__Secure-g".into(), ..guest_cookie() }));
        assert!(!secure_locally(CookieAttributes { secure: Some(false), ..guest_cookie() }));
    }
}
