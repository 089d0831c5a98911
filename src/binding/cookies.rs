//! Cookies: `Set-Cookie` values, and what is in a `Cookie` header.

use napi::Result;
use napi::bindgen_prelude::{Either, Unknown};
use napi_derive::napi;

use super::OptionsFault;
use super::values::raw;
use crate::cookie::{self, Attributes};
use crate::guest;
use crate::options::{self, OptionError, Raw};

/// A `Set-Cookie` value for a guest's id.
#[napi(catch_unwind)]
pub fn guest_cookie_header(guest_id: String, attributes: Unknown) -> Result<Either<String, OptionsFault>> {
    if !guest::is_id(&guest_id) {
        let given = Raw::String(guest_id);
        return Ok(Either::B(
            OptionError::wanted("guestId", "1 to 128 of the characters A-Z a-z 0-9 _ -", &given).into(),
        ));
    }
    Ok(set_cookie(&guest_id, "guestId", options::guest_cookie_attributes(raw(&attributes)?)))
}

/// A `Set-Cookie` value for a token.
#[napi(catch_unwind)]
pub fn auth_cookie_header(token: String, attributes: Unknown) -> Result<Either<String, OptionsFault>> {
    Ok(set_cookie(&token, "token", options::cookie_attributes(raw(&attributes)?, options::auth_cookie())))
}

/// A `Set-Cookie` value for a CSRF token.
#[napi(catch_unwind)]
pub fn csrf_cookie_header(token: String, attributes: Unknown) -> Result<Either<String, OptionsFault>> {
    Ok(set_cookie(&token, "token", options::cookie_attributes(raw(&attributes)?, options::csrf_cookie())))
}

/// The values of the cookies of that name in a `Cookie` header.
#[napi(catch_unwind)]
pub fn cookie_values(header: String, name: String) -> Vec<String> {
    cookie::values(&header, &name).map(str::to_owned).collect()
}

fn set_cookie(
    value: &str,
    name: &str,
    attributes: std::result::Result<Attributes, OptionError>,
) -> Either<String, OptionsFault> {
    match attributes.and_then(|attributes| attributes.header(value).map_err(|fault| fault.option(name, ""))) {
        Ok(header) => Either::A(header),
        Err(error) => Either::B(error.into()),
    }
}
