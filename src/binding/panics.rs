//! Turns a panic into an error and reports its location. The panic message is discarded, because it may contain a
//! token.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};

use napi::{Error, Result};

/// Installs a panic hook that prints only the location of a panic. The panic hook belongs to the addon's Rust runtime,
/// so other libraries are not affected.
#[napi_derive::module_init]
fn report_panic_location() {
    set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        eprintln!("logto-authkit: internal error at {location}, please report it");
    }));
}

/// Runs a closure and turns a panic into an error.
///
/// # Errors
///
/// Fails if the closure panics.
pub fn catch_panic<T>(run: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|_| internal_error())
}

/// The error that JavaScript receives after a panic.
pub fn internal_error() -> Error {
    Error::from_reason("logto-authkit: internal error, please report it")
}
