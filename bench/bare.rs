//! The bare signature check, as an upper limit for what a machine can verify. For each line `<threads> <milliseconds>`
//! on standard input, prints how many checks per second that many threads perform together.
//!
//!     cargo bench --no-default-features --bench bare -- ES384
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::env;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    VerificationAlgorithm,
};
use logto_authkit::token::Token;
use serde_json::json;

use support::Key;

/// The number of different tokens: as many as the libraries verify per slice with ES384.
const TOKENS: usize = 2000;

fn main() {
    let name = env::args().nth(1).unwrap();
    let (key, algorithm): (Key, &'static dyn VerificationAlgorithm) = match name.as_str() {
        "ES384" => (Key::p384("key"), &ECDSA_P384_SHA384_FIXED),
        "RS256" => (Key::rsa("key"), &RSA_PKCS1_2048_8192_SHA256),
        "ES256" => (Key::p256("key"), &ECDSA_P256_SHA256_FIXED),
        "EdDSA" => (Key::ed25519("key"), &ED25519),
        _ => return,
    };
    // The time depends on the signature, and the CPU's branch predictor would learn a repeated signature.
    let texts: Vec<String> = (0..TOKENS).map(|id| key.token_with(&json!({}), &json!({ "jti": id }))).collect();
    let tokens: Vec<Token> = texts.iter().map(|text| Token::decode(text).unwrap()).collect();
    let public_key = ParsedPublicKey::new(algorithm, key.public_key()).unwrap();
    let check = |token: &Token| public_key.verify_sig(token.signed.as_bytes(), &token.signature).unwrap();
    for line in io::stdin().lines() {
        let line = line.unwrap();
        let (threads, milliseconds) = line.split_once(' ').unwrap();
        let duration = Duration::from_millis(milliseconds.parse().unwrap());
        println!("{}", rate(threads.parse().unwrap(), duration, &tokens, &check));
    }
}

/// Returns how many checks per second all threads make together.
fn rate(threads: usize, duration: Duration, tokens: &[Token], check: &(impl Fn(&Token) + Sync)) -> f64 {
    let start = Instant::now();
    let count = || {
        let mut checks = 0_usize;
        for token in tokens.iter().cycle() {
            if start.elapsed() >= duration {
                break;
            }
            check(token);
            checks += 1;
        }
        checks
    };
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(count)).collect();
        let checks: usize = running.into_iter().map(|thread| thread.join().unwrap()).sum();
        f64::from(u32::try_from(checks).unwrap()) / start.elapsed().as_secs_f64()
    })
}
