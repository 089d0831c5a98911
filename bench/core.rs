//! Benchmarks of the core: verifying new and cached tokens.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use logto_authkit::options::Raw;

use support::{Key, at, verifier};

fn verifications(criterion: &mut Criterion) {
    let keys = [Key::p384("key"), Key::rsa("key"), Key::p256("key"), Key::ed25519("key")];
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for key in &keys {
        let text = key.token();
        let mut group = criterion.benchmark_group(key.alg());
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
