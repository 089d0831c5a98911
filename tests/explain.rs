//! Tests that `explain` reports on every check, and that its first failure is the rejection that `verify` returns.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::sync::Arc;

use logto_authkit::check::Check;
use logto_authkit::error::ErrorCode;
use logto_authkit::jwks::keys::KeySet;
use logto_authkit::options::{KeySource, OptionSet, Options, Raw};
use logto_authkit::source::Credentials;
use logto_authkit::verify::Verifier;
use oorandom::Rand32;
use serde_json::{Value, json};
use support::{
    AUDIENCE, ISSUER, Key, KeyServer, Response, at, comparable, key_and_verifier, options, text, verifier, verify, wait,
};

fn report(verifier: &Verifier, token: &str) -> Value {
    serde_json::from_str(&wait(verifier.explain(token, at(0.0))).to_json()).unwrap()
}

fn check<'a>(report: &'a Value, id: &str) -> &'a Value {
    report["checks"].as_array().unwrap().iter().find(|check| check["id"] == id).unwrap()
}

/// The ids of the checks with this verdict.
fn ids<'a>(report: &'a Value, verdict: &str) -> Vec<&'a str> {
    let checks = report["checks"].as_array().unwrap().iter();
    checks.filter(|check| check["verdict"] == verdict).map(|check| check["id"].as_str().unwrap()).collect()
}

fn below(random: &mut Rand32, bound: usize) -> usize {
    usize::try_from(random.rand_range(0..u32::try_from(bound).unwrap())).unwrap()
}

fn pick<'a, T>(random: &mut Rand32, items: &'a [T]) -> &'a T {
    &items[below(random, items.len())]
}

#[test]
fn reports_every_check_of_an_accepted_token_in_the_order_of_the_contract() {
    let (key, verifier) = key_and_verifier(&[("requiredScope", text("read:orders"))]);
    let token = key.with_claims(&json!({ "custom": 1.50 }));
    let report = report(&verifier, &token);
    assert_eq!((&report["verdict"], &report["verified"]), (&json!("accepted"), &json!(true)));
    assert_eq!((&report["rejection"], &report["token"]), (&Value::Null, &json!(token)));
    assert_eq!(report["header"], json!({ "alg": "ES384", "typ": "at+jwt", "kid": "k" }));
    assert_eq!((&report["claims"]["aud"], &report["claims"]["custom"]), (&json!(AUDIENCE), &json!(1.5)));
    let listed: Vec<_> =
        report["checks"].as_array().unwrap().iter().map(|check| check["id"].as_str().unwrap()).collect();
    assert_eq!(listed, Check::ALL.map(|(_, id, _)| id));
    assert_eq!(ids(&report, "not_checked"), ["age", "revocations", "organization", "role", "revocation"]);
    assert_eq!(check(&report, "role")["reason"], "not required");
    assert_eq!(check(&report, "revocation")["reason"], "left to the application");
    assert!(ids(&report, "fail").is_empty());
}

#[test]
fn continues_after_a_failed_check() {
    let (key, other) = (Key::p384("k"), Key::p384("k"));
    let verifier = verifier(&[&key], &[("requiredScope", text("admin")), ("requiredRole", text("owner"))]);
    let header = json!({ "typ": "JWT", "crit": [] });
    let payload = json!({ "iss": "https://evil.test", "aud": "other", "exp": 1, "nbf": 9_999_999_999_u64, "sub": "" });
    let report = report(&verifier, &other.token_with(&header, &payload));
    assert_eq!((&report["verdict"], &report["verified"]), (&json!("rejected"), &json!(false)));
    let failed = ["typ", "extensions", "signature", "iss", "aud", "exp", "nbf", "types", "scope", "role"];
    assert_eq!(ids(&report, "fail"), failed);
    assert_eq!(report["rejection"]["code"], "invalid_token_type");
    assert_eq!(check(&report, "scope")["message"], "Missing required scope: admin");
    assert_eq!(check(&report, "iss")["details"]["expected"], json!([ISSUER]));
}

#[test]
fn checks_the_signature_of_a_known_algorithm_that_is_not_allowed() {
    let (key, verifier) = key_and_verifier(&[("algorithms", Raw::List(vec![text("RS256")]))]);
    let known = report(&verifier, &key.token());
    assert_eq!((ids(&known, "fail"), &known["verified"]), (vec!["alg"], &json!(true)));
    let unknown = report(&verifier, &key.with_header(&json!({ "alg": "HS256" })));
    assert_eq!((ids(&unknown, "fail"), &unknown["verified"]), (vec!["alg"], &json!(false)));
    for id in ["key", "signature"] {
        assert_eq!(check(&unknown, id)["reason"], "not reached");
    }
}

#[test]
fn skips_the_checks_that_depend_on_an_unreadable_part() {
    let (key, verifier) = key_and_verifier(&[]);
    let header = r#"{"alg":"ES384","typ":"at+jwt","kid":"k"}"#;
    for (token, failed) in [
        ("a.b".to_owned(), "parts"),
        (format!("{}{}", key.token(), "x".repeat(16_384)), "size"),
        (key.jws(r#"{"alg":"ES384","alg":"ES384"}"#, "[]"), "header"),
        (key.jws(header, "[]"), "payload"),
        (key.jws(header, r#"{"sub":"a","sub":"b"}"#), "payload"),
    ] {
        let report = report(&verifier, &token);
        assert_eq!(ids(&report, "fail"), [failed]);
        let checks = report["checks"].as_array().unwrap();
        let at = checks.iter().position(|check| check["id"] == failed).unwrap();
        assert!(checks[at + 1..].iter().all(|check| check["verdict"] == "not_checked"), "{report}");
        assert_eq!(report["claims"], Value::Null);
    }
}

#[test]
fn shows_the_claims_of_a_token_with_a_damaged_signature() {
    let key = Key::p384("k");
    let report = report(&verifier(&[&key], &[]), &format!("{}=", key.token()));
    assert_eq!((ids(&report, "fail"), &report["claims"]["sub"]), (vec!["parts"], &json!("app")));
}

#[test]
fn the_checks_of_a_malformed_claim_do_not_apply() {
    let key = Key::p384("k");
    let required = [("requiredScope", text("a")), ("organizationId", text("o")), ("requiredRole", text("r"))];
    let report = report(&verifier(&[&key], &required), &key.with_claims(&json!({ "scope": [], "organization_id": 2 })));
    assert_eq!(ids(&report, "fail"), ["types", "role"]);
    for id in ["organization", "scope"] {
        assert_eq!(check(&report, id)["reason"], "its claim is malformed");
    }
}

#[test]
fn without_keys_and_issuer_their_checks_are_skipped_and_no_token_is_accepted() {
    let key = Key::p384("k");
    let options =
        Options::parse_option_set(OptionSet::Explain, Raw::Object(vec![("audience".into(), Raw::Null)])).ok().unwrap();
    let verifier = Verifier::new(options);
    let good = report(&verifier, &key.token());
    assert_eq!((&good["verdict"], &good["verified"]), (&json!("unverified"), &json!(false)));
    for (id, reason) in [("key", "no keys"), ("signature", "no keys"), ("iss", "no issuer")] {
        assert_eq!(check(&good, id)["reason"], reason);
    }
    assert_eq!(ids(&report(&verifier, &key.with_claims(&json!({ "exp": 1 }))), "fail"), ["exp"]);
    assert_eq!(ids(&report(&verifier, &key.with_claims(&json!({ "iss": 5 }))), "fail"), ["iss"]);
    assert_eq!(verify(&verifier, &key.token(), 0.0).unwrap_err().code, ErrorCode::JwksUnavailable);
}

#[test]
fn the_options_of_explain_derive_no_keys_or_issuer_from_missing_options() {
    let parse = |members: &[(&str, Raw)]| {
        let members = members.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        Options::parse_option_set(
            OptionSet::Explain,
            Raw::Object(members.chain([("audience".to_owned(), Raw::Null)]).collect()),
        )
    };
    let with_issuer = parse(&[("issuer", text("https://i.test"))]).unwrap();
    assert_eq!(
        (with_issuer.issuers, matches!(with_issuer.keys, KeySource::None)),
        (vec!["https://i.test".into()], true)
    );
    let with_keys = parse(&[("jwksUri", text("https://t.test/jwks"))]).unwrap();
    assert!(with_keys.issuers.is_empty() && matches!(with_keys.keys, KeySource::Url { .. }));
    let with_url = parse(&[("logtoUrl", text("https://t.test"))]).unwrap();
    assert!(with_url.issuers == ["https://t.test/oidc"] && matches!(with_url.keys, KeySource::Url { .. }));
    assert_eq!(parse(&[("logtoURL", text("https://t.test"))]).unwrap_err().option, "logtoURL");
}

#[test]
fn a_request_is_explained_by_the_token_that_determines_its_outcome() {
    let (key, verifier) = key_and_verifier(&[]);
    let (good, expired) = (key.token(), key.with_claims(&json!({ "exp": 1 })));
    let admin = support::verifier(&[&key], &[("requiredScope", text("admin"))]);
    for (verifier, cookie, header, token) in [
        (&verifier, &expired, &good, &good),
        (&verifier, &good, &expired, &good),
        (&verifier, &expired, &"a.b".to_owned(), &expired),
        (&admin, &good, &expired, &good),
        (&admin, &expired, &good, &expired),
    ] {
        let request = Credentials {
            cookies: Some(format!("logto_authtoken={cookie}")),
            authorization: vec![format!("Bearer {header}")],
            ..Credentials::default()
        };
        let report = wait(verifier.explain_request(&request, at(0.0)));
        let outcome = wait(verifier.verify_request(&request, at(0.0)));
        assert_eq!(comparable(report.rejection()), comparable(outcome.as_ref().err()));
        assert_eq!(serde_json::from_str::<Value>(&report.to_json()).unwrap()["token"], json!(token));
    }
    for (request, code) in [
        (Credentials::default(), "missing_token"),
        (
            Credentials { authorization: vec!["Bearer a".into(), "Bearer b".into()], ..Credentials::default() },
            "ambiguous_token",
        ),
    ] {
        let report: Value = serde_json::from_str(&wait(verifier.explain_request(&request, at(0.0))).to_json()).unwrap();
        assert_eq!((ids(&report, "fail"), &report["rejection"]["code"]), (vec!["present"], &json!(code)));
    }
}

#[test]
fn never_uses_the_token_cache() {
    let (key, verifier) = key_and_verifier(&[]);
    for _ in 0..3 {
        assert_eq!(report(&verifier, &key.token())["verdict"], "accepted");
    }
    assert_eq!(verifier.token_stats(), (0, 0, 0));
}

#[test]
fn an_outage_is_a_failed_key_check() {
    let server = KeyServer::start(Response::Closed);
    let report = report(&server.verifier(&[]), &Key::p384("k").token());
    assert_eq!(ids(&report, "fail"), ["key"]);
    assert_eq!(
        (&report["rejection"]["code"], &report["rejection"]["status"]),
        (&json!("jwks_unavailable"), &json!(503))
    );
    assert!(report["rejection"]["cause"].is_string());
}

/// Verifies every recorded Logto token, and copies with a few changed characters, against every recorded key set.
#[test]
fn agrees_with_verify_on_recorded_tokens_and_mutations_of_them() {
    let recording: Value = serde_json::from_str(include_str!("../__test__/fixtures/capture.json")).unwrap();
    let mut random = Rand32::new(1);
    let (mut accepted, mut rejected) = (0, 0);
    for set in recording["jwks"].as_array().unwrap() {
        let keys = Arc::new(KeySet::from_json(&set["body"]).unwrap());
        let tokens = recording["tokens"].as_array().unwrap();
        let issuer = text(tokens.iter().find_map(|token| token["payload"]["iss"].as_str()).unwrap());
        for token in tokens {
            let raw = token["raw"].as_str().unwrap();
            let options =
                options(&[("issuer", issuer.clone()), ("audience", Raw::Null), ("tokenCacheSize", Raw::Number(0.0))]);
            let current_date = token["captured_at"].as_f64();
            let verifier = Verifier::new(Options { keys: KeySource::Static(keys.clone()), current_date, ..options });
            let mutants = (0..10).map(|_| {
                let mut bytes = raw.as_bytes().to_vec();
                for _ in 0..=below(&mut random, 2) {
                    let at = below(&mut random, bytes.len());
                    bytes[at] = *pick(&mut random, b"AZaz09-_.=");
                }
                String::from_utf8(bytes).unwrap()
            });
            for token in std::iter::once(raw.to_owned()).chain(mutants) {
                let outcome = wait(verifier.verify(&token, at(0.0)));
                let report = wait(verifier.explain(&token, at(0.0)));
                assert_eq!(comparable(report.rejection()), comparable(outcome.as_ref().err()), "{token}");
                assert!(outcome.is_err() || report.is_verified());
                *(if outcome.is_ok() { &mut accepted } else { &mut rejected }) += 1;
            }
        }
    }
    assert!(accepted > 40 && rejected > 2_000, "{accepted} accepted, {rejected} rejected");
}

/// Verifies signed tokens with random combinations of valid and invalid values in the header and claims. Most of them
/// fail after the signature check.
#[test]
fn agrees_with_verify_on_signed_tokens_with_random_faults() {
    let (key, other) = (Key::ed25519("k"), Key::ed25519("k"));
    let required = [
        ("requiredScope", text("read:orders")),
        ("requiredRole", text("admin")),
        ("organizationId", text("o")),
        ("tokenCacheSize", Raw::Number(0.0)),
    ];
    let verifiers =
        [verifier(&[&key], &required), verifier(&[&key], &[("tokenType", Raw::Null), ("audience", Raw::Null)])];
    let headers = [
        ("alg", vec![json!("ES384"), json!("HS256"), json!(1), Value::Null]),
        ("typ", vec![json!("JWT"), json!("application/AT+JWT"), json!([]), Value::Null]),
        ("kid", vec![json!("x"), json!(1), Value::Null]),
        ("crit", vec![json!([])]),
        ("b64", vec![json!(true)]),
    ];
    let claims = [
        ("iss", vec![json!("https://evil.test"), json!(1), Value::Null]),
        ("aud", vec![json!("other"), json!([AUDIENCE, "x"]), json!([1]), Value::Null]),
        ("exp", vec![json!(1), json!("soon"), Value::Null]),
        ("nbf", vec![json!(9_999_999_999_u64), json!("now"), json!(1)]),
        ("iat", vec![json!({}), Value::Null]),
        ("sub", vec![json!(""), json!(1), Value::Null]),
        ("scope", vec![json!("a b"), json!([]), Value::Null]),
        ("client_id", vec![json!(1), Value::Null]),
        ("organization_id", vec![json!("o"), json!("p"), json!(1)]),
        ("roles", vec![json!(["admin"]), json!("admin"), json!(1)]),
    ];
    let mut random = Rand32::new(2);
    let mut codes: Vec<Option<ErrorCode>> = Vec::new();
    for round in 0..6_000 {
        let mut pick = |members: &[(&str, Vec<Value>)], rarity: usize| {
            let mut picked = json!({});
            for (name, values) in members {
                if below(&mut random, rarity) == 0 {
                    picked[*name] = pick(&mut random, values).clone();
                }
            }
            picked
        };
        let (header, payload) = (pick(&headers, 25), pick(&claims, 1 + round % 12));
        let signer = if below(&mut random, 20) == 0 { &other } else { &key };
        let token = signer.token_with(&header, &payload);
        for verifier in &verifiers {
            codes.push(verify(verifier, &token, 0.0).err().map(|rejection| rejection.code));
        }
    }
    codes.sort_by_key(|code| code.map(ErrorCode::name));
    codes.dedup();
    assert!(codes.len() >= 12, "{codes:?}");
}
