//! N-API functions that return the constants that JavaScript shares with the core, and that validate options.

use napi::bindgen_prelude::{Either, Unknown};
use napi::{Error, Result};
use napi_derive::napi;

use super::values::raw;
use crate::options::{self, Environment, OptionError, OptionSet};
use crate::paths;

/// The values of the environment variables that are used for omitted options. Each field is named after the option.
#[napi(object)]
pub struct EnvironmentVariables {
    pub logto_url: Option<String>,
    pub audience: Option<String>,
}

/// The error for an invalid option, which JavaScript throws as a `TypeError`.
#[napi(object)]
pub struct OptionErrorData {
    pub option: String,
    pub message: String,
}

impl From<OptionError> for OptionErrorData {
    fn from(error: OptionError) -> Self {
        Self { option: error.option, message: error.message }
    }
}

/// The constants that JavaScript shares with the core, as a JSON object.
#[napi(catch_unwind)]
pub fn contract() -> String {
    crate::contract::contract().to_string()
}

impl From<EnvironmentVariables> for Environment {
    fn from(EnvironmentVariables { logto_url, audience }: EnvironmentVariables) -> Self {
        Self { logto_url, audience }
    }
}

/// Checks an options object. `set` names the option set, which determines the accepted options. Returns null if the
/// options are valid.
#[napi(catch_unwind)]
pub fn check_options(
    set: String,
    options: Unknown,
    environment: EnvironmentVariables,
) -> Result<Option<OptionErrorData>> {
    Ok(find_option_set(&set)?
        .check_with_environment(raw(&options)?, environment.into())
        .err()
        .map(OptionErrorData::from))
}

/// The error for an invalid option that only JavaScript can check. If the value may be a secret, the message does not
/// contain it.
#[napi(catch_unwind)]
pub fn invalid_option(
    option: String,
    expected: String,
    given: Unknown,
    is_secret: Option<bool>,
) -> Result<OptionErrorData> {
    let given_value = raw(&given)?;
    let error = if is_secret == Some(true) { OptionError::invalid_secret } else { OptionError::invalid };
    Ok(error(&option, &expected, &given_value).into())
}

/// The error for an option that an options object inherits from its prototype.
#[napi(catch_unwind)]
pub fn inherited_option(option: String) -> OptionErrorData {
    OptionError::inherited_option(&option).into()
}

/// The metadata document of a protected resource (RFC 9728), as JSON.
#[napi(catch_unwind)]
pub fn resource_metadata(
    options: Unknown,
    environment: EnvironmentVariables,
) -> Result<Either<String, OptionErrorData>> {
    let document = options::resource_metadata(raw(&options)?, environment.into());
    Ok(value_or_error(document.map(|document| document.to_string())))
}

/// The issuer of the Logto server at this URL.
#[napi(catch_unwind)]
pub fn issuer(logto_url: Unknown) -> Result<Either<String, OptionErrorData>> {
    Ok(value_or_error(options::issuer_of(raw(&logto_url)?)))
}

/// The `logtoUrl` of an issuer. Returns null if no Logto server has this issuer.
#[napi(catch_unwind)]
pub fn logto_url(issuer: String) -> Option<String> {
    crate::url::logto_url(&issuer).map(str::to_owned)
}

/// Normalizes a request path for comparison. Returns null if two parsers could interpret the path differently.
#[napi(catch_unwind)]
pub fn normalize_path(path: String) -> Option<String> {
    paths::normalize(&path)
}

pub fn value_or_error<T>(result: std::result::Result<T, OptionError>) -> Either<T, OptionErrorData> {
    match result {
        Ok(value) => Either::A(value),
        Err(error) => Either::B(error.into()),
    }
}

pub fn find_option_set(name: &str) -> Result<OptionSet> {
    OptionSet::from_name(name).ok_or_else(|| Error::from_reason(format!("unknown set of options {name}")))
}
