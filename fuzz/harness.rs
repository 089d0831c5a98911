//! What the targets share: a key of their own to sign with, verifiers, and a clock that stands still.

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

/// Whom the options name.
pub const ISSUER: &str = "https://tenant.test/oidc";
/// What the options name.
pub const AUDIENCE: &str = "https://api.test";
/// The present, in seconds since 1970.
pub const NOW: f64 = 1_795_450_740.0;

/// The key that everything is signed with: Ed25519 is the quickest to sign.
pub static KEY: LazyLock<Ed25519KeyPair> =
    LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("any 32 bytes are a seed"));

/// The key set that holds it.
pub fn key_set() -> Raw {
    let x = encode(KEY.public_key().as_ref());
    let key = [("kty", "OKP"), ("crv", "Ed25519"), ("kid", "k"), ("x", &x)];
    object([("keys", Raw::List(vec![object(key.map(|(name, value)| (name, text(value))))]))])
}

/// A verifier of tokens for the issuer and audience above, with these options besides.
pub fn verifier<const N: usize>(more: [(&str, Raw); N]) -> Verifier {
    Verifier::new(options(more))
}

/// The options of that verifier.
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

/// An option that is an object.
pub fn object<const N: usize>(members: [(&str, Raw); N]) -> Raw {
    Raw::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// An option that is a string.
pub fn text(value: &str) -> Raw {
    Raw::String(value.to_owned())
}

/// JSON as an option.
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

/// A token of that header and payload that is really signed.
pub fn signed(header: &[u8], payload: &[u8]) -> String {
    let signed = format!("{}.{}", encode(header), encode(payload));
    let signature = encode(KEY.sign(signed.as_bytes()).as_ref());
    format!("{signed}.{signature}")
}

/// base64url.
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The output of a future that has nothing to wait for, as with a static key set.
pub fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits, with nothing to wait for"),
    }
}

/// The present on both clocks.
pub fn now() -> Timestamp {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    Timestamp { monotonic: *START, wall: NOW * 1000.0 }
}
