//! Reads the members of an options object one by one, and remembers the first error.

use std::borrow::Cow;
use std::time::Duration;

use ::url::Url;
use serde_json::Value;

use super::environment::{self, Environment};
use super::hints::suggested_name;
use super::raw::{OptionError, Raw};
use super::values::text;
use crate::url;

/// The name, accepted values and default value of an option.
#[derive(Clone, Debug)]
pub struct OptionEntry {
    /// The name of the option.
    pub name: &'static str,
    /// The accepted values, as worded in the error message for an invalid value.
    pub expected: Cow<'static, str>,
    /// The default value.
    pub default: DefaultValue,
}

/// The default value of an option.
#[derive(Clone, Debug)]
pub enum DefaultValue {
    /// No default value.
    None,
    /// A fixed value.
    Value(Value),
    /// A description of a default value that depends on other values.
    Derived(&'static str),
}

/// Reads an options object. Each type of option has its own method, which returns the value if it is present and valid.
/// [`Reader::finish`] reports the first invalid or unknown option.
#[derive(std::default::Default)]
pub struct Reader {
    /// The prefix of all option names in errors, for example `guestCookie.`.
    prefix: &'static str,
    members: Vec<(String, Raw)>,
    excluded: &'static [&'static str],
    /// The environment variables that are used for omitted options, if the option set allows it.
    environment: Option<Environment>,
    entries: Vec<OptionEntry>,
    error: Option<OptionError>,
}

impl Reader {
    /// Creates a reader for the members of an options object. In error messages, `prefix` precedes every option name.
    pub fn new(prefix: &'static str, members: Vec<(String, Raw)>) -> Self {
        Self { prefix, members, ..Self::default() }
    }

    /// Excludes options that the caller does not support. An excluded option has its default value, and is reported as
    /// unknown if it is present.
    pub fn exclude(&mut self, names: &'static [&'static str]) {
        self.excluded = names;
    }

    /// Sets the environment variables that are used for omitted options.
    pub fn with_environment(self, environment: Option<Environment>) -> Self {
        Self { environment, ..self }
    }

    /// Parses the environment variable of an omitted option. If the variable's value is invalid, `parse` returns a
    /// description of the accepted values. Reports an error if the environment variable is also missing. An empty
    /// variable is invalid rather than missing, because Node.js does not replace it with the value in `.env`.
    pub fn variable<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Option<T> {
        let variable = environment::variable(name).map_or("", |variable| variable.name);
        let error = match self.environment.as_ref().map(|environment| environment.get(name)) {
            None => OptionError::invalid(name, expected, &Raw::Undefined),
            Some(None) => {
                let expected = format!("{expected}, or the environment variable {variable}");
                OptionError::invalid(name, &expected, &Raw::Undefined)
            }
            Some(Some(value)) => match parse(value) {
                Ok(value) => return Some(value),
                Err(expected) => OptionError::invalid_variable(name, variable, expected, value),
            },
        };
        self.fail(error);
        None
    }

    /// Reads an option and parses its value. `parse` returns `None` for an invalid value.
    pub fn optional<T>(
        &mut self,
        name: &'static str,
        expected: impl Into<Cow<'static, str>>,
        default: DefaultValue,
        parse: impl FnOnce(&Raw) -> Option<T>,
    ) -> Option<T> {
        let expected = expected.into();
        let raw = self.take(name, expected.clone(), default)?;
        let value = parse(&raw);
        if value.is_none() {
            self.reject(name, &expected, &raw);
        }
        value
    }

    /// Reads an option whose value is a function that restricts access. Only JavaScript can call the function.
    pub fn access_check_function(&mut self, name: &'static str) {
        self.restriction(name, "a function", DefaultValue::None, |raw| (*raw == Raw::Function).then_some(()));
    }

    /// Reads an option that restricts access. The option may be omitted, but must not be present with the value
    /// `undefined`, because an unset variable must not remove a check.
    pub fn restriction<T>(
        &mut self,
        name: &'static str,
        expected: impl Into<Cow<'static, str>>,
        default: DefaultValue,
        parse: impl FnOnce(&Raw) -> Option<T>,
    ) -> Option<T> {
        let expected = expected.into();
        if self.members.iter().any(|(member, raw)| member == name && *raw == Raw::Undefined) {
            self.reject(name, &expected, &Raw::Undefined);
        }
        self.optional(name, expected, default, parse)
    }

    /// Reads an option that has a fixed default.
    pub fn with_default<T: Into<Value> + Clone>(
        &mut self,
        name: &'static str,
        expected: impl Into<Cow<'static, str>>,
        default: T,
        parse: impl FnOnce(&Raw) -> Option<T>,
    ) -> T {
        self.optional(name, expected, DefaultValue::Value(default.clone().into()), parse).unwrap_or(default)
    }

    /// The prefix of option names in errors.
    pub fn prefix(&self) -> &'static str {
        self.prefix
    }

    /// The descriptions of the options, in the order in which the options were read.
    pub fn into_entries(self) -> Vec<OptionEntry> {
        self.entries
    }

    /// Returns the unparsed value of an option, unless it is omitted or `undefined`.
    pub fn take(
        &mut self,
        name: &'static str,
        expected: impl Into<Cow<'static, str>>,
        default: DefaultValue,
    ) -> Option<Raw> {
        if self.excluded.contains(&name) {
            return None;
        }
        self.entries.push(OptionEntry { name, expected: expected.into(), default });
        let index = self.members.iter().position(|(member, _)| member == name)?;
        Some(self.members.swap_remove(index).1).filter(|raw| *raw != Raw::Undefined)
    }

    /// Reports that an option has an invalid value.
    pub fn reject(&mut self, name: &str, expected: &str, given: &Raw) {
        self.fail(OptionError::invalid(&format!("{}{name}", self.prefix), expected, given));
    }

    /// Reports an error about an option. Only the first error is kept.
    pub fn fail(&mut self, error: OptionError) {
        self.error.get_or_insert(error);
    }

    /// Finishes reading the options.
    ///
    /// # Errors
    ///
    /// Reports the first invalid option. If all known options are valid, reports an unknown one, that is, a member of
    /// the options object that no method of this reader has read.
    pub fn finish(mut self) -> Result<(), OptionError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let Some((name, _)) = self.members.pop() else { return Ok(()) };
        let mut known_names: Vec<&str> = self.entries.iter().map(|entry| entry.name).collect();
        known_names.sort_unstable();
        let hint = suggested_name(&name, &known_names).map_or_else(
            || format!("known options are {}", known_names.join(", ")),
            |closest| format!("did you mean \"{}{closest}\"?", self.prefix),
        );
        Err(OptionError::unknown_option(&format!("{}{name}", self.prefix), &hint))
    }

    /// Reads a boolean option.
    pub fn bool(&mut self, name: &'static str, default: bool) -> bool {
        self.with_default(
            name,
            "a boolean",
            default,
            |raw| if let Raw::Bool(value) = raw { Some(*value) } else { None },
        )
    }

    /// Reads an option whose value is a function, which only JavaScript can call. Returns `true` if the option is
    /// present.
    pub fn function(&mut self, name: &'static str) -> bool {
        self.optional(name, "a function", DefaultValue::None, |raw| (*raw == Raw::Function).then_some(())).is_some()
    }

    /// Reads a finite number that is not negative.
    pub fn number(&mut self, name: &'static str, expected: &'static str, default: DefaultValue) -> Option<f64> {
        self.optional(name, expected, default, |raw| match raw {
            Raw::Number(value) if value.is_finite() && *value >= 0.0 => Some(*value),
            _ => None,
        })
    }

    /// Reads a duration in milliseconds.
    pub fn milliseconds(&mut self, name: &'static str, default: u64) -> Duration {
        self.duration(name, "a finite number of milliseconds, not negative", default, |_| true)
    }

    /// Reads a positive duration in milliseconds.
    pub fn positive_milliseconds(&mut self, name: &'static str, default: u64) -> Duration {
        self.duration(name, "a finite number of milliseconds above 0", default, |value| value > 0.0)
    }

    /// Reads a duration in milliseconds, which must not be less than the given minimum.
    pub fn milliseconds_from(
        &mut self,
        name: &'static str,
        expected: &'static str,
        default: u64,
        min: f64,
    ) -> Duration {
        self.duration(name, expected, default, |value| value >= min)
    }

    fn duration(
        &mut self,
        name: &'static str,
        expected: &'static str,
        default: u64,
        accepts: impl FnOnce(f64) -> bool,
    ) -> Duration {
        let value = self.optional(name, expected, DefaultValue::Value(default.into()), |raw| match raw {
            Raw::Number(value) if accepts(*value) => Duration::try_from_secs_f64(value / 1000.0).ok(),
            _ => None,
        });
        value.unwrap_or(Duration::from_millis(default))
    }

    /// Reads a whole number.
    pub fn count(&mut self, name: &'static str, default: usize) -> usize {
        const MAX_OPTION_VALUE: f64 = 10_000_000.0;
        self.with_default(name, "a whole number from 0 to 10,000,000", default, |raw| match raw {
            Raw::Number(value) if value.fract() == 0.0 && (0.0..=MAX_OPTION_VALUE).contains(value) =>
            {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and in range")]
                Some(*value as usize)
            }
            _ => None,
        })
    }

    /// Reads a `Date` and converts it to Unix time in seconds. If the option is a function, JavaScript calls the
    /// function for each request and passes the result.
    pub fn date(&mut self, name: &'static str) -> Option<f64> {
        let date = self.optional(name, "a valid Date or a function", DefaultValue::Derived("now"), |raw| match raw {
            Raw::Date(time) if time.is_finite() => Some(Some(time / 1000.0)),
            Raw::Function => Some(None),
            _ => None,
        });
        date.flatten()
    }

    /// Reads an option whose value must be an http or https URL.
    pub fn url(&mut self, name: &'static str, default: DefaultValue) -> Option<Url> {
        let raw = self.take(name, url::URL_EXPECTATION, default)?;
        let parsed = text(&raw).ok_or(url::URL_EXPECTATION).and_then(|text| url::parse(&text));
        parsed.map_err(|expected| self.reject(name, expected, &raw)).ok()
    }

    /// Reads an option whose value must be an http or https URL. If the option is omitted, reads its environment
    /// variable instead. Reports an error if both are missing.
    pub fn required_url(&mut self, name: &'static str) -> Option<Url> {
        let is_given = self.has(name);
        let url = self.url(name, DefaultValue::Derived("required"));
        if is_given { url } else { self.variable(name, url::URL_EXPECTATION, url::parse) }
    }

    /// Returns whether the option is present, without counting it as read.
    pub fn has(&self, name: &str) -> bool {
        self.members.iter().any(|(member, raw)| member == name && *raw != Raw::Undefined)
    }
}
