//! Cookies (RFC 6265): reading a `Cookie` header, writing a `Set-Cookie` header.

/// What a `Set-Cookie` header says besides the value.
#[derive(Clone, Debug, PartialEq)]
pub struct Attributes {
    /// The cookie's name.
    pub name: String,
    /// Seconds until it is gone; None: with the browser's session.
    pub max_age: Option<f64>,
    /// The paths it is sent to.
    pub path: String,
    /// The domain whose hosts it is sent to; None: this host alone.
    pub domain: Option<String>,
    /// Whether scripts cannot read it.
    pub http_only: bool,
    /// Whether it travels over https alone.
    pub secure: bool,
    /// Whether it comes along from other sites.
    pub same_site: SameSite,
    /// Whether `Path` stands before `Max-Age`. It means nothing, but the contract spells each cookie one way.
    pub path_first: bool,
}

/// The `SameSite` attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Never from other sites.
    Strict,
    /// With top-level navigation.
    Lax,
    /// Always; browsers want `Secure` with it.
    None,
}

/// The values of the cookies of that name, in the header's order; empty ones are left out.
///
/// Several are kept because which one counts is not agreed: parsers differ in taking the first or the last,
/// and a sibling domain can plant another (cookie tossing).
///
/// ```
/// use logto_authkit::cookie::values;
/// assert_eq!(values("a=1; b=2; a=\"3\"", "a").collect::<Vec<_>>(), ["1", "3"]);
/// ```
pub fn values<'a>(header: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    header.split(';').filter_map(move |pair| {
        let (key, value) = pair.split_once('=')?;
        let value = value.trim_matches([' ', '\t']);
        let value = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
        (key.trim_matches([' ', '\t']) == name && !value.is_empty()).then_some(value)
    })
}

impl Attributes {
    /// The `Set-Cookie` value for that cookie value, attributes in the order of the contract.
    ///
    /// # Errors
    ///
    /// In words, if the value or an attribute would break out of its field (RFC 6265 section 4.1.1), or browsers
    /// would drop the cookie.
    ///
    /// ```
    /// let cookie = logto_authkit::options::guest_cookie();
    /// assert_eq!(
    ///     cookie.header("visitor").unwrap(),
    ///     "guest_logto_authtoken=visitor; Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=Lax"
    /// );
    /// assert!(cookie.header("a; Domain=example.com").is_err());
    /// ```
    pub fn header(&self, value: &str) -> Result<String, Fault> {
        if !value.bytes().all(is_cookie_octet) {
            let wanted = "a cookie value without white space, quotes, commas, semicolons and backslashes";
            return Err(Fault { attribute: None, wanted, given: String::new() });
        }
        self.check()?;
        let max_age = self.max_age.map(|seconds| format!("; Max-Age={seconds:.0}")).unwrap_or_default();
        let path = format!("; Path={}", self.path);
        let (first, second) = if self.path_first { (path, max_age) } else { (max_age, path) };
        let domain = self.domain.as_ref().map(|domain| format!("; Domain={domain}")).unwrap_or_default();
        let http_only = if self.http_only { "; HttpOnly" } else { "" };
        let secure = if self.secure { "; Secure" } else { "" };
        let same_site = match self.same_site {
            SameSite::Strict => "Strict",
            SameSite::Lax => "Lax",
            SameSite::None => "None",
        };
        let name = &self.name;
        Ok(format!("{name}={value}{first}{second}{http_only}{secure}; SameSite={same_site}{domain}"))
    }

    /// Whether a browser would take it.
    ///
    /// # Errors
    ///
    /// The first attribute that it would not take.
    pub fn check(&self) -> Result<(), Fault> {
        let host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        let domain = self.domain.as_deref();
        let fault =
            |attribute, wanted, given: &str| Err(Fault { attribute: Some(attribute), wanted, given: given.into() });
        if !is_name(&self.name) {
            fault("name", "a cookie name", &self.name)
        } else if !self.path.starts_with('/') || !self.path.bytes().all(is_attribute_octet) {
            fault("path", "a path that starts with / and has no semicolon or control character", &self.path)
        } else if domain.is_some_and(|domain| domain.is_empty() || !domain.bytes().all(host)) {
            fault("domain", "a domain of letters, digits, dots and hyphens", domain.unwrap_or_default())
        } else if self.same_site == SameSite::None && !self.secure {
            fault("sameSite", "another value, or secure: true with it, else browsers drop the cookie", "None")
        } else if self.name.starts_with("__Host-") && (!self.secure || domain.is_some() || self.path != "/") {
            fault("name", "secure: true, path '/' and no domain with it, else browsers drop the cookie", &self.name)
        } else if self.name.starts_with("__Secure-") && !self.secure {
            fault("name", "secure: true with it, else browsers drop the cookie", &self.name)
        } else {
            Ok(())
        }
    }
}

/// What is wrong with a cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The attribute, `name` for the name; None: the value.
    pub attribute: Option<&'static str>,
    /// What is wanted, in words.
    pub wanted: &'static str,
    /// What was given as that attribute.
    pub given: String,
}

/// A token of RFC 9110 section 5.6.2.
#[must_use]
pub fn is_name(name: &str) -> bool {
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
    fn only_whole_names_match() {
        let header = "xtoken=1; token2=2; Token=3; token=4; token=; =5; token; other";
        assert_eq!(values(header, "token").collect::<Vec<_>>(), ["4"]);
    }

    #[test]
    fn every_value_of_a_name_is_seen() {
        assert_eq!(values("t=a;t=b ;\tt = c", "t").collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn a_value_cannot_break_out_of_its_field() {
        for value in ["a;b", "a b", "a\r\nSet-Cookie: x=y", "a\"", "a,b", "a\\", "\u{e4}", "a\0"] {
            assert!(guest_cookie().header(value).is_err(), "{value:?}");
        }
    }

    #[test]
    fn an_attribute_cannot_break_out_of_its_field() {
        for path in ["", "x", "/;", "/\r\n", "/\u{e4}"] {
            assert!(Attributes { path: path.into(), ..guest_cookie() }.check().is_err(), "{path:?}");
        }
        for domain in ["", "a;b", "a b", "a\r\n", "\u{e4}.test"] {
            assert!(Attributes { domain: Some(domain.into()), ..guest_cookie() }.check().is_err(), "{domain:?}");
        }
        for name in ["", "a=b", "a;b", "a b", "\u{e4}"] {
            assert!(Attributes { name: name.into(), ..guest_cookie() }.check().is_err(), "{name:?}");
        }
    }

    #[test]
    fn what_browsers_drop_is_refused() {
        let insecure = Attributes { secure: false, ..guest_cookie() };
        assert!(insecure.check().is_ok());
        assert!(Attributes { same_site: SameSite::None, ..insecure.clone() }.check().is_err());
        assert!(Attributes { name: "__Host-g".into(), ..insecure.clone() }.check().is_err());
        assert!(Attributes { name: "__Secure-g".into(), ..insecure }.check().is_err());
        let host = Attributes { name: "__Host-g".into(), ..guest_cookie() };
        assert!(host.check().is_ok());
        assert!(Attributes { domain: Some("x.test".into()), ..host }.check().is_err());
    }
}
