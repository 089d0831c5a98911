//! Helpers for the fuzz targets: a signing key, verifiers and a fixed clock.

use std::future::Future;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use logto_authkit::clock::Timestamp;
use logto_authkit::options::{Options, Raw};
use logto_authkit::verify::Verifier;
use serde_json::Value;

/// The accepted issuer.
pub const ISSUER: &str = "https://tenant.test/oidc";
/// The accepted audience.
pub const AUDIENCE: &str = "https://api.test";
/// The current time, as Unix time in seconds.
pub const NOW: f64 = 1_795_450_740.0;

/// The signing key. Ed25519 is the fastest algorithm for signing.
pub static KEY: LazyLock<Ed25519KeyPair> =
    LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("any 32 bytes are a seed"));

/// A key set with the public key of [`KEY`].
pub fn key_set() -> Raw {
    let x = encode(KEY.public_key().as_ref());
    let key = [("kty", "OKP"), ("crv", "Ed25519"), ("kid", "k"), ("x", &x)];
    object([("keys", Raw::List(vec![object(key.map(|(name, value)| (name, text(value))))]))])
}

/// A verifier for [`ISSUER`] and [`AUDIENCE`], with additional options.
pub fn verifier<const N: usize>(more: [(&str, Raw); N]) -> Verifier {
    Verifier::new(options(more))
}

/// Options with [`ISSUER`] and [`AUDIENCE`], and with additional options.
pub fn options<const N: usize>(more: [(&str, Raw); N]) -> Options {
    let Raw::Object(mut members) = object([
        ("logtoUrl", text(ISSUER)),
        ("audience", text(AUDIENCE)),
        ("currentDate", Raw::Date(NOW * 1000.0)),
        ("tokenCacheSize", Raw::Number(8.0)),
    ]) else {
        unreachable!()
    };
    for (name, value) in more {
        members.retain(|(known, _)| known != name);
        members.push((name.into(), value));
    }
    Options::parse(Raw::Object(members)).unwrap_or_else(|error| panic!("{}", error.message))
}

/// An unparsed object.
pub fn object<const N: usize>(members: [(&str, Raw); N]) -> Raw {
    Raw::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// An unparsed string.
pub fn text(value: &str) -> Raw {
    Raw::String(value.to_owned())
}

/// Converts JSON to an unparsed value.
pub fn raw(json: &Value) -> Raw {
    match json {
        Value::Null => Raw::Null,
        Value::Bool(value) => Raw::Bool(*value),
        Value::Number(value) => Raw::Number(value.as_f64().unwrap_or(f64::NAN)),
        Value::String(value) => text(value),
        Value::Array(items) => Raw::List(items.iter().map(raw).collect()),
        Value::Object(members) => Raw::Object(members.iter().map(|(name, value)| (name.clone(), raw(value))).collect()),
    }
}

/// Signs a token with this header and payload.
pub fn sign_token(header: &[u8], payload: &[u8]) -> String {
    let signed = format!("{}.{}", encode(header), encode(payload));
    let signature = encode(KEY.sign(signed.as_bytes()).as_ref());
    format!("{signed}.{signature}")
}

/// Encodes bytes as base64url.
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The output of a future that completes without waiting, as every verification with a static key set does.
pub fn poll_to_completion<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future is pending"),
    }
}

/// The current time on both clocks.
pub fn now() -> Timestamp {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    Timestamp { monotonic: *START, wall: NOW * 1000.0 }
}
