//! Fuzzes the whole pipeline, from the token to its context. `explain` must report the same rejection as `verify`.
//!
//! A two-line input is a header and a payload, signed here so that mutations reach the checks after the signature. A
//! single line is a token, which is verified with recorded Logto keys. Only recorded tokens may be accepted.
#![no_main]

use std::collections::HashSet;
use std::sync::LazyLock;

use harness::{AUDIENCE, ISSUER, NOW, key_set, now, poll_to_completion, raw, sign_token, verifier};
use libfuzzer_sys::fuzz_target;
use logto_authkit::error::Rejection;
use logto_authkit::options::Raw;
use logto_authkit::verify::{AcceptedToken, Verifier};
use serde_json::Value;
use serde_json::value::RawValue;

static SIGNING_VERIFIER: LazyLock<Verifier> = LazyLock::new(|| verifier([("jwks", key_set())]));

static RECORDING: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../__test__/fixtures/capture.json")).expect("the recording is JSON")
});

static RECORDED_TOKENS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let tokens = RECORDING["tokens"].as_array().expect("it has tokens");
    tokens.iter().filter_map(|token| token["raw"].as_str()).collect()
});

static RECORDED_VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let sets = RECORDING["jwks"].as_array().expect("it has key sets").iter();
    let keys: Vec<Value> = sets.flat_map(|set| set["body"]["keys"].as_array().cloned().unwrap_or_default()).collect();
    verifier([
        ("jwks", raw(&serde_json::json!({ "keys": keys }))),
        ("issuer", raw(&RECORDING["tokens"][0]["payload"]["iss"])),
        ("audience", Raw::Null),
        ("tokenType", Raw::Null),
    ])
});

fuzz_target!(|input: &[u8]| {
    if let Some(end) = input.iter().position(|byte| *byte == b'\n') {
        sign_and_verify(&input[..end], &input[end + 1..]);
    } else if let Ok(token) = std::str::from_utf8(input) {
        let outcome = poll_to_completion(RECORDED_VERIFIER.verify(token, now()));
        assert!(outcome.is_err() || RECORDED_TOKENS.contains(token), "forged");
        check_explanation(&RECORDED_VERIFIER, token, &outcome);
    }
});

/// Asserts that `explain` reports the same outcome, and that its report is JSON.
fn check_explanation(verifier: &Verifier, token: &str, outcome: &Result<AcceptedToken, Rejection>) {
    let report = poll_to_completion(verifier.explain(token, now()));
    let described = |rejection: &Rejection| (rejection.code, rejection.message(), rejection.details.clone());
    assert_eq!(report.rejection().map(described), outcome.as_ref().err().map(described));
    assert!(outcome.is_err() || report.is_verified());
    serde_json::from_str::<&RawValue>(&report.to_json()).expect("a report is JSON");
}

fn sign_and_verify(header: &[u8], payload: &[u8]) {
    let token = sign_token(header, payload);
    // The second verification may use the token cache, which must not make a difference.
    let outcomes = [(); 2].map(|()| poll_to_completion(SIGNING_VERIFIER.verify(&token, now())));
    let codes = outcomes.each_ref().map(|outcome| outcome.as_ref().map(|_| ()).map_err(|rejection| rejection.code));
    assert_eq!(codes[0], codes[1]);
    check_explanation(&SIGNING_VERIFIER, &token, &outcomes[0]);
    let [Ok(accepted), _] = outcomes else { return };
    let context = accepted.token.context();
    let Ok(header) = serde_json::from_slice::<Value>(header) else { return };
    let Ok(claims) = serde_json::from_slice::<Value>(payload) else { return };
    let typ = header["typ"].as_str().unwrap_or_default().to_ascii_lowercase();
    assert!(typ == "at+jwt" || typ == "application/at+jwt");
    assert_eq!(header["alg"], "EdDSA");
    assert!(header.get("kid").is_none_or(|kid| kid == "k"));
    assert!(header.get("crit").is_none() && header.get("b64").is_none());
    assert_eq!(claims["iss"], ISSUER);
    let aud = &claims["aud"];
    assert!(aud == AUDIENCE || aud.as_array().is_some_and(|list| list.iter().any(|one| one == AUDIENCE)));
    assert!(claims["exp"].as_f64().is_some_and(|exp| exp > NOW));
    assert!(claims["sub"].as_str().is_some_and(|sub| !sub.is_empty()));
    let context: Value = serde_json::from_str(&context).expect("a context is JSON");
    assert_eq!((&context["payload"], &context["userId"]), (&claims, &claims["sub"]));
}
