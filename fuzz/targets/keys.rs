//! Fuzzes key sets and individual keys in a set, which must be rejected or parsed into keys that can verify signatures.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logto_authkit::jwks::keys::{KeySet, KeySelection};
use logto_authkit::signature::Algorithm;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    exercise(bytes);
    exercise(&[br#"{"keys":["#, bytes, b"]}"].concat());
});

fn exercise(set: &[u8]) {
    let Ok(keys) = KeySet::parse(set) else { return };
    // A byte order mark may precede the JSON.
    let body = set.strip_prefix("\u{feff}".as_bytes()).unwrap_or(set);
    let json: Value = serde_json::from_slice(body).expect("a set is JSON");
    let listed = json["keys"].as_array().expect("with a list of keys");
    assert!((1..=listed.len().min(64)).contains(&keys.len()));
    for kid in listed.iter().map(|key| key["kid"].as_str()).chain([None, Some("none")]).take(8) {
        for (_, algorithm) in Algorithm::ALL {
            let KeySelection::Key(key) = keys.select(kid, algorithm) else { continue };
            assert!(keys.would_select(key, kid, algorithm) && key.accepts_algorithm(algorithm) && key.public_key().supports(algorithm));
            for length in [0, 64, 96, 256] {
                assert!(!key.public_key().verifies(algorithm, set, &vec![0; length]));
            }
        }
    }
}
