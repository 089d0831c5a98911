//! Benchmarks of the core: bare signature checks, which are the lower bound, and the verification of new and of cached tokens.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    VerificationAlgorithm,
};
use criterion::{Criterion, criterion_group, criterion_main};
use logto_authkit::options::Raw;
use logto_authkit::token::Token;

use support::{Key, at, verifier};

fn verifications(criterion: &mut Criterion) {
    let keys = [
        (Key::p384("key"), &ECDSA_P384_SHA384_FIXED as &'static dyn VerificationAlgorithm),
        (Key::rsa("key"), &RSA_PKCS1_2048_8192_SHA256),
        (Key::p256("key"), &ECDSA_P256_SHA256_FIXED),
        (Key::ed25519("key"), &ED25519),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for (key, algorithm) in &keys {
        let text = key.token();
        let token = Token::decode(&text).unwrap();
        let mut group = criterion.benchmark_group(key.alg());
        let bare = ParsedPublicKey::new(*algorithm, key.public_key()).unwrap();
        group.bench_function("bare", |bencher| {
            bencher.iter(|| bare.verify_sig(black_box(token.signed.as_bytes()), &token.signature).unwrap());
        });
        for (name, size) in [("new", 0.0), ("seen", 10.0)] {
            let verifier = verifier(&[key], &[("tokenCacheSize", Raw::Number(size))]);
            group.bench_function(name, |bencher| {
                bencher.iter(|| runtime.block_on(verifier.verify(black_box(&text), at(0.0))).unwrap());
            });
        }
        group.finish();
    }
}

criterion_group!(core, verifications);
criterion_main!(core);
