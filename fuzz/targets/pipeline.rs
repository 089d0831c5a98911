//! The whole way, from a token to its context.
//!
//! Two lines are a header and a payload, which are signed here: what is changed in them gets behind the signature. A single
//! line is a token as it came, against Logto's own recorded keys: but for the recorded tokens themselves nothing holds.
#![no_main]

use std::collections::HashSet;
use std::sync::LazyLock;

use harness::{AUDIENCE, ISSUER, NOW, at_once, key_set, now, raw, signed, verifier};
use libfuzzer_sys::fuzz_target;
use logto_authkit::options::Raw;
use logto_authkit::verify::Verifier;
use serde_json::Value;

static OURS: LazyLock<Verifier> = LazyLock::new(|| verifier([("jwks", key_set())]));

static RECORDING: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../__test__/fixtures/capture.json")).expect("the recording is JSON")
});

static RECORDED: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let tokens = RECORDING["tokens"].as_array().expect("it has tokens");
    tokens.iter().filter_map(|token| token["raw"].as_str()).collect()
});

static LOGTOS: LazyLock<Verifier> = LazyLock::new(|| {
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
        let verdict = at_once(LOGTOS.verify(token, now()));
        assert!(verdict.is_err() || RECORDED.contains(token), "forged");
    }
});

fn sign_and_verify(header: &[u8], payload: &[u8]) {
    let token = signed(header, payload);
    // The second time it is remembered, which must make no difference.
    let verdicts = [(); 2].map(|()| at_once(OURS.verify(&token, now())));
    let codes = verdicts.each_ref().map(|verdict| verdict.as_ref().map(|_| ()).map_err(|refusal| refusal.code));
    assert_eq!(codes[0], codes[1]);
    let [Ok(accepted), _] = verdicts else { return };
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
