//! Reads raw options one by one: each either has the type wanted or is an error that says so.

use std::time::Duration;

use url::Url;

use super::{OptionError, Raw, TokenSource, address};
use crate::claims::{SubjectType, words};
use crate::cookie;
use crate::jwks::keys::KeySet;
use crate::requirements::{Organization, Requirements};
use crate::signature::Algorithm;
use crate::token::media_type;

/// Raw options that have not been read yet.
pub struct Reader {
    /// Goes before a member's name in errors, `guestCookie.` for instance.
    prefix: &'static str,
    members: Vec<(String, Raw)>,
    known: Vec<&'static str>,
}

/// An option that may be left out.
pub type Read<T> = Result<Option<T>, OptionError>;

impl Reader {
    /// Reads these members.
    pub fn new(members: Vec<(String, Raw)>) -> Self {
        Self::within("", members)
    }

    /// Reads the members of an option; in errors the prefix stands before their names.
    pub fn within(prefix: &'static str, members: Vec<(String, Raw)>) -> Self {
        Self { prefix, members, known: Vec::new() }
    }

    /// What stands before names in errors.
    pub fn prefix(&self) -> &'static str {
        self.prefix
    }

    /// The value of that name, once. `undefined` is the same as left out.
    pub fn take(&mut self, name: &'static str) -> Option<Raw> {
        self.known.push(name);
        let at = self.members.iter().position(|(key, _)| key == name)?;
        Some(self.members.swap_remove(at).1).filter(|raw| *raw != Raw::Undefined)
    }

    /// Reads with `parse`, which gives the value back if it is not what is wanted.
    pub fn read<T>(&mut self, name: &'static str, wanted: &str, parse: impl FnOnce(&Raw) -> Option<T>) -> Read<T> {
        let Some(raw) = self.take(name) else { return Ok(None) };
        parse(&raw).map(Some).ok_or_else(|| self.wrong(name, wanted, &raw))
    }

    pub fn wrong(&self, name: &str, wanted: &str, given: &Raw) -> OptionError {
        OptionError::wanted(&format!("{}{name}", self.prefix), wanted, given)
    }

    /// The error for a required option that is not there.
    pub fn missing(&self, name: &'static str) -> OptionError {
        self.wrong(name, "an absolute http or https address", &Raw::Undefined)
    }

    /// Every member must have been read.
    pub fn finish(mut self) -> Result<(), OptionError> {
        let Some((name, _)) = self.members.pop() else { return Ok(()) };
        self.known.sort_unstable();
        let close = self.known.iter().find(|known| known.eq_ignore_ascii_case(&name));
        let known = close.map_or_else(
            || format!("known options are {}", self.known.join(", ")),
            |known| format!("did you mean \"{}{known}\"?", self.prefix),
        );
        let option = format!("{}{}", self.prefix, name.chars().take(60).collect::<String>());
        Err(OptionError { message: format!("Unknown option {option:?}: {known}"), option })
    }

    pub fn bool(&mut self, name: &'static str) -> Read<bool> {
        self.read(name, "a boolean", |raw| if let Raw::Bool(value) = raw { Some(*value) } else { None })
    }

    /// Whether there is a function of that name.
    pub fn function(&mut self, name: &'static str) -> Result<bool, OptionError> {
        let found = self.read(name, "a function", |raw| (*raw == Raw::Function).then_some(()))?;
        Ok(found.is_some())
    }

    pub fn number(&mut self, name: &'static str, wanted: &str) -> Read<f64> {
        self.read(name, wanted, |raw| match raw {
            Raw::Number(value) if value.is_finite() && *value >= 0.0 => Some(*value),
            _ => None,
        })
    }

    pub fn milliseconds(&mut self, name: &'static str, default: u64) -> Result<Duration, OptionError> {
        self.duration(name, "a finite number of milliseconds, not negative", |_| true, default)
    }

    pub fn positive_milliseconds(&mut self, name: &'static str, default: u64) -> Result<Duration, OptionError> {
        self.duration(name, "a finite number of milliseconds above 0", |value| value > 0.0, default)
    }

    fn duration(
        &mut self,
        name: &'static str,
        wanted: &str,
        valid: impl FnOnce(f64) -> bool,
        default: u64,
    ) -> Result<Duration, OptionError> {
        let value = self.read(name, wanted, |raw| match raw {
            Raw::Number(value) if valid(*value) => Duration::try_from_secs_f64(value / 1000.0).ok(),
            _ => None,
        })?;
        Ok(value.unwrap_or(Duration::from_millis(default)))
    }

    pub fn count(&mut self, name: &'static str, default: usize) -> Result<usize, OptionError> {
        const MOST: f64 = 10_000_000.0;
        let count = self.read(name, "a whole number from 0 to 10,000,000", |raw| match raw {
            Raw::Number(value) if value.fract() == 0.0 && (0.0..=MOST).contains(value) =>
            {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, in range")]
                Some(*value as usize)
            }
            _ => None,
        })?;
        Ok(count.unwrap_or(default))
    }

    /// A `Date`, in seconds since 1970.
    pub fn date(&mut self, name: &'static str) -> Read<f64> {
        self.read(name, "a valid Date", |raw| match raw {
            Raw::Date(time) if time.is_finite() => Some(time / 1000.0),
            _ => None,
        })
    }

    /// A non-empty string, or a non-empty list of such.
    pub fn texts(&mut self, name: &'static str, wanted: &str) -> Read<Vec<String>> {
        self.read(name, wanted, texts)
    }

    pub fn address(&mut self, name: &'static str, required: bool) -> Read<Url> {
        let raw = self.take(name);
        match &raw {
            None if required => Err(self.missing(name)),
            None => Ok(None),
            Some(Raw::String(text)) => match address::parse(text) {
                Ok(url) => Ok(Some(url)),
                Err(wanted) => Err(self.wrong(name, wanted, &Raw::String(text.clone()))),
            },
            Some(other) => Err(self.wrong(name, "an absolute http or https address", other)),
        }
    }

    /// Required: to leave the audience out is the mistake that lets in every token of the tenant.
    pub fn audience(&mut self) -> Read<Vec<String>> {
        const WANTED: &str =
            "the API's resource indicator, a non-empty array of such, or null to accept every audience";
        match self.take("audience") {
            Some(Raw::Null) => Ok(None),
            given => {
                let given = given.unwrap_or(Raw::Undefined);
                texts(&given).map(Some).ok_or_else(|| self.wrong("audience", WANTED, &given))
            }
        }
    }

    pub fn key_set(&mut self, name: &'static str) -> Read<KeySet> {
        self.read(name, "a JSON Web Key Set with at least one usable key", |raw| KeySet::from_json(&raw.to_json()).ok())
    }

    pub fn cookie_name(&mut self, name: &'static str) -> Read<String> {
        self.read(name, "a cookie name", |raw| text(raw).filter(|name| cookie::is_name(name)))
    }

    pub fn sources(&mut self, name: &'static str, may_be_none: bool) -> Result<Vec<TokenSource>, OptionError> {
        let sources = self.read(name, "an array of 'cookie' and 'header'", |raw| {
            let Raw::List(items) = raw else { return None };
            let mut sources = Vec::new();
            for item in items {
                let source = match text(item)?.as_str() {
                    "cookie" => TokenSource::Cookie,
                    "header" => TokenSource::Header,
                    _ => return None,
                };
                if sources.contains(&source) {
                    return None;
                }
                sources.push(source);
            }
            (may_be_none || !sources.is_empty()).then_some(sources)
        })?;
        Ok(sources.unwrap_or_else(|| vec![TokenSource::Cookie, TokenSource::Header]))
    }

    pub fn requirements(&mut self) -> Result<Requirements, OptionError> {
        let scopes =
            self.read("requiredScope", "a scope, several separated by spaces, or an array of scopes", |raw| {
                let scopes = match raw {
                    Raw::String(list) => words(list),
                    Raw::List(items) => items.iter().map(text).collect::<Option<_>>()?,
                    _ => return None,
                };
                (!scopes.is_empty() && scopes.iter().all(|scope| is_scope(scope))).then_some(scopes)
            })?;
        let mode = self.read("scopeMode", "'all' or 'any'", |raw| match text(raw)?.as_str() {
            "all" => Some(false),
            "any" => Some(true),
            _ => None,
        })?;
        let roles = self.texts("requiredRole", "a role or a non-empty array of roles")?;
        let claims = self.texts("roleClaims", "a claim name or a non-empty array of such")?;
        let organization = self.read("organizationId", "an organization id, or null for none", |raw| match raw {
            Raw::Null => Some(Organization::None),
            other => text(other).map(Organization::Id),
        })?;
        Ok(Requirements {
            scopes: scopes.unwrap_or_default(),
            any_scope: mode.unwrap_or(false),
            roles: roles.unwrap_or_default(),
            role_claims: claims.unwrap_or_else(|| vec!["roles".into(), "role".into()]),
            organization: organization.unwrap_or_default(),
            subject_type: None,
        })
    }

    pub fn subject_type(&mut self, name: &'static str) -> Read<SubjectType> {
        self.read(name, "'user' or 'machine'", |raw| match text(raw)?.as_str() {
            "user" => Some(SubjectType::User),
            "machine" => Some(SubjectType::Machine),
            _ => None,
        })
    }

    pub fn token_type(&mut self, name: &'static str) -> Result<Option<String>, OptionError> {
        let typ = self.read(name, "a media type such as 'at+jwt', or null for any", |raw| match raw {
            Raw::Null => Some(None),
            other => text(other).map(|typ| Some(media_type(&typ))),
        })?;
        Ok(typ.unwrap_or_else(|| Some("at+jwt".into())))
    }

    pub fn algorithms(&mut self, name: &'static str) -> Result<Vec<Algorithm>, OptionError> {
        let names = Algorithm::ALL.map(|(name, _)| name).join(", ");
        let algorithms = self.read(name, &format!("a non-empty array of {names}"), |raw| match raw {
            Raw::List(items) if !items.is_empty() => {
                items.iter().map(|item| Algorithm::named(&text(item)?)).collect::<Option<Vec<_>>>()
            }
            _ => None,
        })?;
        Ok(algorithms.unwrap_or_else(|| vec![Algorithm::Es384, Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa]))
    }
}

/// A non-empty string.
pub fn text(raw: &Raw) -> Option<String> {
    if let Raw::String(text) = raw { Some(text.clone()).filter(|text| !text.is_empty()) } else { None }
}

fn texts(raw: &Raw) -> Option<Vec<String>> {
    match raw {
        Raw::List(items) if !items.is_empty() => items.iter().map(text).collect(),
        other => text(other).map(|one| vec![one]),
    }
}

/// A scope-token (RFC 6749 section 3.3); one that is not could never be granted.
fn is_scope(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}
