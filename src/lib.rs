//! Verifies access tokens issued by a Logto server (RFC 9068) with the keys that the server publishes.
//!
//! The crate is the core of the npm package `logto-authkit`. [`verify`] is the pipeline, and the other modules support
//! it. Only the `binding` module depends on Node.js.
//!
//! ```
//! use logto_authkit::{clock::Timestamp, options::{Options, Raw}, source::Credentials, verify::Verifier};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let options = Options::parse(Raw::Object(vec![
//!     ("logtoUrl".into(), Raw::String("https://tenant.logto.app".into())),
//!     ("audience".into(), Raw::String("https://api.example.com".into())),
//! ])).map_err(|error| error.message)?;
//! let verifier = Verifier::new(options);
//! let request = Credentials::default();
//! let rejected = tokio::runtime::Builder::new_current_thread().build()?
//!     .block_on(verifier.verify_request(&request, Timestamp::now())).unwrap_err();
//! assert_eq!(rejected.code.name(), "missing_token");
//! # Ok(())
//! # }
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod base64url;
pub mod challenge;
pub mod check;
pub mod claims;
pub mod clock;
pub mod context;
pub mod contract;
pub mod cookie;
pub mod error;
pub mod explain;
pub mod external;
pub mod guest;
pub mod json;
pub mod jwks;
mod lock;
pub mod logout;
pub mod mistakes;
pub mod options;
pub mod paths;
pub mod permissions;
pub mod principal;
pub mod reason;
pub mod requirements;
pub mod revocations;
pub mod route;
pub mod signature;
pub mod source;
pub mod subject;
pub mod threads;
pub mod token;
pub mod token_cache;
pub mod url;
pub mod verifier_keys;
pub mod verify;
pub mod warnings;
pub mod webhook;

#[cfg(feature = "node")]
mod binding;

/// Panics if the input contains `test-panic`, so that a test can check how panics are handled.
#[cfg(feature = "test-panic")]
pub(crate) fn panic_on_test_input(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    assert!(!text.contains("test-panic"), "test panic on {text}");
}
