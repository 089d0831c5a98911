//! What becomes of a bug: an error that says so, and a line for the operator. A panic's own message may quote what it is
//! about, a token say; it goes nowhere.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};

use napi::{Error, Result};

/// Of this library alone: the hook is that of the addon's own runtime.
#[napi_derive::module_init]
fn keep_messages() {
    set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        eprintln!("logto-authkit: internal error at {place}, please report it");
    }));
}

/// Runs something that must not panic.
///
/// # Errors
///
/// If it does.
pub fn caught<T>(run: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|_| internal())
}

/// The error that a bug becomes.
pub fn internal() -> Error {
    Error::from_reason("logto-authkit: internal error, please report it")
}
