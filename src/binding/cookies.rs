//! N-API functions that write `Set-Cookie` headers and read `Cookie` headers.

use napi::Result;
use napi::bindgen_prelude::{Either, Unknown};
use napi_derive::napi;

use super::validation::{OptionErrorData, value_or_error};
use super::values::raw;
use crate::cookie::{self, CookieAttributes};
use crate::guest;
use crate::options::{self, OptionError, Raw};

/// Builds a `Set-Cookie` header with a guest id.
#[napi(catch_unwind)]
pub fn guest_cookie_header(guest_id: String, attributes: Unknown) -> Result<Either<String, OptionErrorData>> {
    if !guest::is_guest_id(&guest_id) {
        let expected = "1 to 128 of the characters A-Z a-z 0-9 _ -";
        return Ok(Either::B(OptionError::invalid("guestId", expected, &Raw::String(guest_id)).into()));
    }
    Ok(set_cookie(&guest_id, "guestId", options::guest_cookie_attributes(raw(&attributes)?)))
}

/// Builds a `Set-Cookie` header with a token.
#[napi(catch_unwind)]
pub fn auth_cookie_header(token: String, attributes: Unknown) -> Result<Either<String, OptionErrorData>> {
    Ok(set_cookie(&token, "token", options::cookie_attributes(raw(&attributes)?, options::auth_cookie())))
}

/// Builds a `Set-Cookie` header with a CSRF token, for the response to a request to this host.
#[napi(catch_unwind)]
pub fn csrf_cookie_header(
    token: String,
    attributes: Unknown,
    protocol: Option<String>,
    host: Option<String>,
) -> Result<Either<String, OptionErrorData>> {
    let attributes = options::cookie_attributes(raw(&attributes)?, options::csrf_cookie());
    Ok(set_cookie(&token, "token", attributes.map(|cookie| cookie.for_host(protocol.as_deref(), host.as_deref()))))
}

/// Returns the non-empty values of all cookies with this name in a `Cookie` header.
#[napi(catch_unwind)]
pub fn cookie_values(header: String, name: String) -> Vec<String> {
    cookie::values_of(&header, &name).map(str::to_owned).collect()
}

/// Builds a `Set-Cookie` header that sets a cookie to the given value. `name` is the name of the value in error
/// messages.
pub fn set_cookie(
    value: &str,
    name: &str,
    attributes: std::result::Result<CookieAttributes, OptionError>,
) -> Either<String, OptionErrorData> {
    value_or_error(attributes.and_then(|attributes| attributes.header(value).map_err(|error| error.option(name, ""))))
}
