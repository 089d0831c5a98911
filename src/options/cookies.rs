//! The default attributes of the package's cookies, and the options that change them.

use super::raw::{OptionError, Raw};
use super::reader::{DefaultValue, Reader};
use super::values::{one_of, text};
use crate::cookie::{self, CookieAttributes, CookieError, SameSite};

/// The default name of the request header that repeats the CSRF cookie's value.
pub const CSRF_HEADER: &str = "x-csrf-token";

/// The default name of the guest cookie.
pub const GUEST_COOKIE: &str = "guest_logto_authtoken";

/// Returns the default attributes of the guest cookie.
#[must_use]
pub fn guest_cookie() -> CookieAttributes {
    CookieAttributes {
        name: GUEST_COOKIE.into(),
        max_age: Some(604_800.0),
        path: "/".into(),
        domain: None,
        http_only: true,
        secure: None,
        same_site: SameSite::Lax,
        path_first: true,
    }
}

/// Returns the default attributes of the token cookie. Browsers never send the token cookie with requests from other
/// sites.
#[must_use]
pub fn auth_cookie() -> CookieAttributes {
    CookieAttributes {
        name: "logto_authtoken".into(),
        same_site: SameSite::Strict,
        path_first: false,
        ..guest_cookie()
    }
}

/// Returns the default attributes of the CSRF cookie, which the application's scripts can read.
#[must_use]
pub fn csrf_cookie() -> CookieAttributes {
    CookieAttributes { name: "logto_csrf_token".into(), max_age: Some(86_400.0), http_only: false, ..auth_cookie() }
}

/// Parses the options of `buildAuthCookieHeader` and `buildCsrfCookieHeader`.
///
/// # Errors
///
/// Reports the first invalid or unknown attribute.
pub fn cookie_attributes(raw: Raw, default: CookieAttributes) -> Result<CookieAttributes, OptionError> {
    let members = match raw {
        Raw::Undefined => return Ok(default),
        Raw::Object(members) => members,
        other => return Err(OptionError::not_an_object(&other)),
    };
    let mut reader = Reader::new("", members);
    let attributes = read_cookie_attributes(&mut reader, "cookieName", default);
    reader.finish()?;
    Ok(attributes)
}

/// Parses the argument `guestCookie` of `buildGuestCookieHeader`.
///
/// # Errors
///
/// Reports the first invalid or unknown attribute. The argument must not be `false`, although the option of the same
/// name may be, because the function always returns a cookie.
pub fn guest_cookie_attributes(raw: Raw) -> Result<CookieAttributes, OptionError> {
    match raw {
        Raw::Undefined => Ok(guest_cookie()),
        Raw::Object(members) => {
            let mut reader = Reader::new("guestCookie.", members);
            let attributes = read_guest_cookie_attributes(&mut reader);
            reader.finish()?;
            Ok(attributes)
        }
        Raw::Bool(false) => Err(OptionError::invalid("guestCookie", "cookie attributes", &raw)),
        other => Err(OptionError::invalid("guestCookie", GUEST_COOKIE_EXPECTATION, &other)),
    }
}

/// The accepted values of `guestCookie`, as worded in the error message for an invalid value.
const GUEST_COOKIE_EXPECTATION: &str = "cookie attributes, or false for no cookie";

/// Reads the `guestCookie` option. `None` means that the guest cookie is never set.
pub fn read_guest_cookie(read: &mut Reader) -> Option<CookieAttributes> {
    match read.take("guestCookie", GUEST_COOKIE_EXPECTATION, DefaultValue::None) {
        Some(Raw::Bool(false)) => None,
        Some(raw @ Raw::Object(_)) => guest_cookie_attributes(raw).map_err(|error| read.fail(error)).ok(),
        None => Some(guest_cookie()),
        Some(other) => {
            read.reject("guestCookie", GUEST_COOKIE_EXPECTATION, &other);
            None
        }
    }
}

/// Reads the attributes of the guest cookie.
pub fn read_guest_cookie_attributes(read: &mut Reader) -> CookieAttributes {
    let default = guest_cookie();
    let http_only = read.bool("httpOnly", default.http_only);
    read_cookie_attributes(read, "name", CookieAttributes { http_only, ..default })
}

/// Reads the attributes of a cookie. `name` is the option for the cookie's name.
pub fn read_cookie_attributes(read: &mut Reader, name: &'static str, default: CookieAttributes) -> CookieAttributes {
    const SAME_SITE_EXPECTATION: &str = "'strict', 'lax' or 'none'";
    let max_age = DefaultValue::Value(default.max_age.into());
    let same_site = DefaultValue::Value(default.same_site.name().into());
    let is_default = !read.has("secure");
    let secure = Some(read.bool("secure", true)).filter(|_| !is_default);
    let attributes = CookieAttributes {
        name: read_cookie_name(read, name, &default.name),
        max_age: read.number("maxAge", "a finite number of seconds, not negative", max_age).or(default.max_age),
        path: read.with_default("path", "a path", default.path.clone(), text),
        domain: read.optional("domain", "a domain", DefaultValue::None, text).or(default.domain),
        same_site: read
            .optional("sameSite", SAME_SITE_EXPECTATION, same_site, parse_same_site)
            .unwrap_or(default.same_site),
        secure,
        ..default
    };
    if let Err(error) = attributes.check() {
        read.fail(error.option(name, read.prefix()));
    }
    attributes
}

/// Reads the option for a cookie's name.
pub fn read_cookie_name(read: &mut Reader, name: &'static str, default: &str) -> String {
    read.with_default(name, "a cookie name", default.to_owned(), |raw| {
        text(raw).filter(|name| cookie::is_cookie_name(name))
    })
}

/// Reads the options of the CSRF middleware.
pub fn read_csrf_options(read: &mut Reader) {
    // Header names and cookie names have the same syntax (RFC 9110 section 5.1).
    let header = |raw: &Raw| text(raw).filter(|name| cookie::is_cookie_name(name));
    read.with_default("headerName", "a header name", CSRF_HEADER.to_owned(), header);
    read_cookie_attributes(read, "cookieName", csrf_cookie());
}

impl CookieError {
    /// The error for the option with which the user set the invalid part of the cookie. If this part is the cookie's
    /// name or value, `name` is the name of the option.
    #[must_use]
    pub fn option(&self, name: &str, prefix: &str) -> OptionError {
        match self.attribute {
            // A cookie's value may be a token, so the message does not contain it.
            None => OptionError::secret_value(name, self.expected),
            Some("name") => OptionError::invalid(&format!("{prefix}{name}"), self.expected, &self.given_value()),
            Some(attribute) => {
                OptionError::invalid(&format!("{prefix}{attribute}"), self.expected, &self.given_value())
            }
        }
    }

    fn given_value(&self) -> Raw {
        Raw::String(self.given.clone())
    }
}

fn parse_same_site(raw: &Raw) -> Option<SameSite> {
    let name = Raw::String(text(raw)?.to_ascii_lowercase());
    one_of(&name, &[("strict", SameSite::Strict), ("lax", SameSite::Lax), ("none", SameSite::None)])
}
