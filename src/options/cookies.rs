//! The cookies of ours, and the attributes that options may give them.

use super::read::{Reader, text};
use super::{AUTH_COOKIE, GUEST_COOKIE, OptionError, Raw};
use crate::cookie::{Attributes, Fault, SameSite};

/// The guests' cookie where nothing else is said: 7 days, unseen by scripts, sent along with top-level navigation.
#[must_use]
pub fn guest_cookie() -> Attributes {
    Attributes {
        name: GUEST_COOKIE.into(),
        max_age: Some(604_800.0),
        path: "/".into(),
        domain: None,
        http_only: true,
        secure: true,
        same_site: SameSite::Lax,
        path_first: true,
    }
}

/// The token's cookie where nothing else is said: the same, but never sent along from other sites.
#[must_use]
pub fn auth_cookie() -> Attributes {
    Attributes { name: AUTH_COOKIE.into(), same_site: SameSite::Strict, path_first: false, ..guest_cookie() }
}

/// Attributes for a `Set-Cookie` of the guests' cookie, from what the option `guestCookie` takes.
///
/// # Errors
///
/// A wrong or unknown attribute, or `false`, which means that none is ever set.
pub fn guest_cookie_attributes(raw: Raw) -> Result<Attributes, OptionError> {
    let attributes = Reader::new(vec![("guestCookie".into(), raw)]).guest_cookie("guestCookie")?;
    attributes.ok_or_else(|| OptionError::wanted("guestCookie", "cookie attributes", &Raw::Bool(false)))
}

/// The cookie of CSRF tokens where nothing else is said: a day, read by the application's own scripts.
#[must_use]
pub fn csrf_cookie() -> Attributes {
    Attributes { name: "logto_csrf_token".into(), max_age: Some(86_400.0), http_only: false, ..auth_cookie() }
}

/// Attributes for a `Set-Cookie` over these defaults, from `{ cookieName, maxAge, domain, path, sameSite }`.
///
/// # Errors
///
/// A wrong or unknown attribute.
pub fn cookie_attributes(raw: Raw, default: Attributes) -> Result<Attributes, OptionError> {
    match raw {
        Raw::Undefined => Ok(default),
        Raw::Object(members) => Reader::new(members).attributes("cookieName", default),
        other => Err(OptionError::wanted("options", "an object", &other)),
    }
}

impl Reader {
    /// None if it is `false`: no cookie is ever set.
    pub fn guest_cookie(&mut self, name: &'static str) -> Result<Option<Attributes>, OptionError> {
        match self.take(name) {
            None => Ok(Some(guest_cookie())),
            Some(Raw::Bool(false)) => Ok(None),
            Some(Raw::Object(members)) => {
                let mut reader = Self::within("guestCookie.", members);
                let http_only = reader.bool("httpOnly")?;
                let secure = reader.bool("secure")?;
                let mut cookie = guest_cookie();
                cookie.http_only = http_only.unwrap_or(cookie.http_only);
                cookie.secure = secure.unwrap_or(cookie.secure);
                reader.attributes("name", cookie).map(Some)
            }
            Some(other) => Err(self.wrong(name, "cookie attributes, or false for no cookie", &other)),
        }
    }

    /// Cookie attributes over these defaults; the option of that name names the cookie.
    pub fn attributes(mut self, name: &'static str, default: Attributes) -> Result<Attributes, OptionError> {
        let attributes = Attributes {
            name: self.cookie_name(name)?.unwrap_or(default.name),
            max_age: self.number("maxAge", "a finite number of seconds, not negative")?.or(default.max_age),
            path: self.read("path", "a path", text)?.unwrap_or(default.path),
            domain: self.read("domain", "a domain", text)?.or(default.domain),
            same_site: self.read("sameSite", "'strict', 'lax' or 'none'", same_site)?.unwrap_or(default.same_site),
            ..default
        };
        let prefix = self.prefix();
        self.finish()?;
        attributes.check().map_err(|fault| fault.option(name, prefix))?;
        Ok(attributes)
    }
}

impl Fault {
    /// The same as an error of the option whose value, or whose cookie's name, has that name.
    #[must_use]
    pub fn option(&self, name: &str, prefix: &str) -> OptionError {
        let Some(attribute) = self.attribute else {
            // The value may be a token: it is not repeated.
            return OptionError {
                option: name.into(),
                message: format!("Invalid option \"{name}\": expected {}", self.wanted),
            };
        };
        let attribute = if attribute == "name" { name } else { attribute };
        OptionError::wanted(&format!("{prefix}{attribute}"), self.wanted, &Raw::String(self.given.clone()))
    }
}

fn same_site(raw: &Raw) -> Option<SameSite> {
    match text(raw)?.to_ascii_lowercase().as_str() {
        "strict" => Some(SameSite::Strict),
        "lax" => Some(SameSite::Lax),
        "none" => Some(SameSite::None),
        _ => None,
    }
}
