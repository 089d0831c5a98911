//! Tests the pipeline with a static key set, including the order of the checks and the token cache.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use logto_authkit::error::ErrorCode::{
    self, AmbiguousToken, InvalidAudience, InvalidClaims, InvalidIssuer, InvalidSignature, InvalidTokenType,
    MalformedToken, MissingRole, MissingScope, MissingToken, OpaqueToken, TokenExpired, TokenNotActive, UnknownKey,
    UnsupportedAlgorithm, WrongOrganization,
};
use logto_authkit::options::{KeySource, Options, Raw};
use logto_authkit::source::Credentials;
use logto_authkit::verify::Verifier;
use serde_json::{Value, json};
use support::{
    AUDIENCE, Key, KeyServer, Response, START, assert_accepts, assert_rejects, at, key_and_verifier, list, options,
    text, verifier, verify, wait,
};

fn context(verifier: &Verifier, token: &str) -> Value {
    serde_json::from_str(&wait(verifier.verify(token, at(0.0))).unwrap().token.context()).unwrap()
}

/// A request with these tokens in its cookie and header.
fn request(cookie: Option<&str>, header: Option<&str>) -> Credentials {
    Credentials {
        cookies: cookie.map(|token| format!("logto_authtoken={token}")),
        authorization: header.map(|token| format!("Bearer {token}")).into_iter().collect(),
        ..Credentials::default()
    }
}

fn outcome(verifier: &Verifier, request: &Credentials) -> Result<(), ErrorCode> {
    wait(verifier.verify_request(request, at(0.0))).map(drop).map_err(|rejection| rejection.code)
}

fn raw(value: &Value) -> Raw {
    match value {
        Value::Null => Raw::Null,
        Value::Number(number) => Raw::Number(number.as_f64().unwrap()),
        Value::String(string) => text(string),
        Value::Array(items) => Raw::List(items.iter().map(raw).collect()),
        other => panic!("{other}"),
    }
}

/// Adds the members of `more` to an object and sets its `name` member to the JSON `text`, or removes it without `text`.
fn replaced(mut object: Value, name: &str, text: &str, more: &Value) -> String {
    let members = object.as_object_mut().unwrap();
    members.extend(more.as_object().cloned().unwrap_or_default());
    members.remove(name);
    let others = object.to_string();
    let member = if text.is_empty() { String::new() } else { format!(",\"{name}\":{text}") };
    format!("{}{member}}}", &others[..others.len() - 1])
}

/// The JavaScript tests use the same table.
#[test]
fn judges_the_tokens_in_the_table() {
    let table: Value = serde_json::from_str(include_str!("../__test__/fixtures/tokens.json")).unwrap();
    let key = Key::p384("key");
    let header = json!({ "alg": "ES384", "typ": "at+jwt", "kid": "key" });
    let claims = json!({
        "sub": "alice", "client_id": "test-app", "iss": "https://auth.example.test/oidc", "aud": "https://api.example.com",
        "iat": START.wall / 1000.0, "exp": START.wall / 1000.0 + 3600.0, "scope": "",
    });
    for row in
        table.as_object().unwrap().values().flat_map(|rows| rows.as_array().unwrap()).filter(|row| row.is_object())
    {
        let unchanged = vec![json!({})];
        for changes in row["options"].as_array().unwrap_or(&unchanged) {
            let mut members = json!({ "logtoUrl": "https://auth.example.test", "audience": "https://api.example.com" });
            members.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            let members = members.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), raw(value)));
            let verifier = verifier(&[&key], &members.collect::<Vec<_>>());
            for value in row["values"].as_array().unwrap() {
                let text = value["$"].as_str().map_or_else(|| value.to_string(), str::to_owned);
                let token = match (row["header"].as_str(), row["claim"].as_str()) {
                    (Some(name), None) => {
                        key.jws(&replaced(header.clone(), name, &text, &row["and"]), &claims.to_string())
                    }
                    (None, Some(name)) => {
                        key.jws(&header.to_string(), &replaced(claims.clone(), name, &text, &row["and"]))
                    }
                    _ => panic!("{row}"),
                };
                let outcome = verify(&verifier, &token, 0.0);
                let given = outcome.as_ref().map_or_else(|rejection| rejection.code.name(), |()| "accepted");
                assert_eq!(given, row["wanted"], "{value} in {row}");
                if let Some(message) = row["message"].as_str() {
                    assert_eq!(outcome.unwrap_err().message(), message);
                }
            }
        }
    }
}

#[test]
fn accepts_a_token_in_the_format_of_logto() {
    let key = Key::p384("k");
    let context = context(&verifier(&[&key], &[]), &key.token());
    assert_eq!(context["userId"], "app");
    assert_eq!(context["subjectType"], "machine");
    assert_eq!(context["scopes"], json!(["read:orders"]));
    assert_eq!(context["payload"]["aud"], AUDIENCE);
}

#[test]
fn accepts_each_algorithm_only_if_it_is_allowed() {
    let (p384, p256, p521) = (Key::p384("p384"), Key::p256("p256"), Key::p521("p521"));
    let (rsa, ed) = (Key::rsa("rsa"), Key::ed25519("ed"));
    let keys = [&p384, &p256, &p521, &rsa, &ed];
    let default = verifier(&keys, &[]);
    for (key, alg, by_default) in [
        (&p384, "ES384", true),
        (&rsa, "RS256", true),
        (&p256, "ES256", true),
        (&p521, "ES512", true),
        (&ed, "EdDSA", true),
        (&ed, "Ed25519", true),
        (&rsa, "RS384", false),
        (&rsa, "RS512", false),
        (&rsa, "PS256", false),
        (&rsa, "PS384", false),
        (&rsa, "PS512", false),
    ] {
        let token = key.with_header(&json!({ "alg": alg }));
        assert_accepts(&verifier(&keys, &[("algorithms", list(&[alg]))]), &token, 0.0);
        assert_eq!(verify(&default, &token, 0.0).is_ok(), by_default, "{alg}");
        let other = if alg == "ES384" { "RS256" } else { "ES384" };
        assert_rejects(&verifier(&keys, &[("algorithms", list(&[other]))]), &token, 0.0, UnsupportedAlgorithm);
    }
}

#[test]
fn b7_rejects_a_logout_token_whatever_type_is_required() {
    let key = Key::p256("k");
    let events = json!({ "events": { "http://schemas.openid.net/event/backchannel-logout": {} } });
    for token_type in [Raw::Null, text("at+jwt"), text("JWT")] {
        let verifier = verifier(&[&key], &[("tokenType", token_type)]);
        for typ in ["logout+jwt", "application/Logout+JWT", "at+jwt", "JWT"] {
            let token = key.token_with(&json!({ "typ": typ }), &events);
            assert_rejects(&verifier, &token, 0.0, InvalidTokenType);
        }
        let token = key.with_header(&json!({ "typ": "logout+jwt" }));
        assert_rejects(&verifier, &token, 0.0, InvalidTokenType);
        let report: Value = serde_json::from_str(&wait(verifier.explain(&token, at(0.0))).to_json()).unwrap();
        assert_eq!(
            (&report["verdict"], &report["rejection"]["code"]),
            (&json!("rejected"), &json!("invalid_token_type"))
        );
    }
}

#[test]
fn rejects_an_unsigned_token() {
    let key = Key::rsa("k");
    let verifier = verifier(&[&key], &[]);
    let none = key.with_header(&json!({ "alg": "none" }));
    let unsigned = &none[..=none.rfind('.').unwrap()];
    assert_rejects(&verifier, unsigned, 0.0, MalformedToken);
}

#[test]
fn does_not_use_a_key_whose_type_does_not_match_the_alg() {
    let (p384, rsa) = (Key::p384("p384"), Key::rsa("rsa"));
    let verifier = verifier(&[&p384, &rsa], &[]);
    assert_rejects(&verifier, &p384.with_header(&json!({ "alg": "RS256" })), 0.0, UnknownKey);
    assert_rejects(&verifier, &rsa.with_header(&json!({ "alg": "ES384" })), 0.0, UnknownKey);
    assert_rejects(&verifier, &rsa.with_header(&json!({ "kid": "p384" })), 0.0, UnknownKey);
}

#[test]
fn a_token_without_kid_needs_exactly_one_suitable_key() {
    let (one, other, rsa) = (Key::p384("one"), Key::p384("other"), Key::rsa("rsa"));
    let token = one.with_header(&json!({ "kid": null }));
    assert_accepts(&verifier(&[&one, &rsa], &[]), &token, 0.0);
    assert_rejects(&verifier(&[&one, &other], &[]), &token, 0.0, UnknownKey);
    assert_rejects(&verifier(&[&rsa], &[]), &token, 0.0, UnknownKey);
    assert_rejects(&verifier(&[&other], &[]), &token, 0.0, InvalidSignature);
}

#[test]
fn does_not_trust_a_key_in_the_header() {
    let (key, evil) = (Key::p384("k"), Key::p384("evil"));
    let verifier = verifier(&[&key], &[]);
    for kid in [json!("evil"), json!("__proto__"), json!("k\0"), json!("../k"), json!("' OR 1=1 --")] {
        assert_rejects(&verifier, &evil.with_header(&json!({ "jwk": evil.jwk(), "kid": kid })), 0.0, UnknownKey);
    }
    assert_rejects(&verifier, &evil.with_header(&json!({ "jwk": evil.jwk(), "kid": "k" })), 0.0, InvalidSignature);
}

#[test]
fn rejects_a_token_with_a_modified_part() {
    let (key, verifier) = key_and_verifier(&[]);
    let token = key.token();
    let other = key.with_claims(&json!({ "scope": "admin" }));
    let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (mine, theirs) = (parts(&token), parts(&other));
    assert_rejects(&verifier, &format!("{}.{}.{}", mine[0], theirs[1], mine[2]), 0.0, InvalidSignature);
    assert_rejects(&verifier, &format!("{}.{}.{}", mine[0], mine[1], theirs[2]), 0.0, InvalidSignature);
    assert_rejects(&verifier, &format!("{}.{}.{}", mine[0], mine[1], &mine[2][..64]), 0.0, InvalidSignature);
    assert_rejects(&verifier, &format!("{}.{}.", mine[0], mine[1]), 0.0, MalformedToken);
    assert_rejects(&verifier, &format!("{token}="), 0.0, MalformedToken);
    assert_rejects(&verifier, &format!("{token} "), 0.0, MalformedToken);
    assert_accepts(&verifier, &token, 0.0);
}

#[test]
fn rejects_a_valid_token_over_16_kib() {
    let (key, verifier) = key_and_verifier(&[]);
    assert_accepts(&verifier, &key.with_claims(&json!({ "custom": "x".repeat(11_000) })), 0.0);
    assert_rejects(&verifier, &key.with_claims(&json!({ "custom": "x".repeat(12_000) })), 0.0, MalformedToken);
}

#[test]
fn rejects_a_header_or_payload_that_is_not_an_object_or_has_duplicate_members() {
    let (key, verifier) = key_and_verifier(&[]);
    let header = r#"{"alg":"ES384","typ":"at+jwt","kid":"k"}"#;
    for payload in ["null", "[]", "\"x\"", "1", "{}}", "", r#"{"sub":"a","sub":"b"}"#, r#"{"exp":1,"\u0065xp":2}"#] {
        assert_rejects(&verifier, &key.jws(header, payload), 0.0, MalformedToken);
    }
    for header in ["[]", "null", r#"{"alg":"ES384","alg":"ES384","typ":"at+jwt","kid":"k"}"#] {
        assert_rejects(&verifier, &key.jws(header, "{}"), 0.0, MalformedToken);
    }
}

#[test]
fn distinguishes_opaque_from_malformed_tokens() {
    let (_, verifier) = key_and_verifier(&[]);
    assert_rejects(&verifier, "Xk2vJ0y1c3Qd4f5G6h7J8k9L0m1N2b3V4c5X6z7A8s9", 0.0, OpaqueToken);
    for token in ["a.b", "a.b.c.d", "a.b.c.d.e", "a b", "{\"payload\":\"\"}"] {
        assert_rejects(&verifier, token, 0.0, MalformedToken);
    }
}

#[test]
fn runs_the_checks_in_the_order_of_the_contract() {
    let (key, other) = (Key::p384("k"), Key::p384("k"));
    let verifier = verifier(
        &[&key],
        &[("organizationId", text("org")), ("requiredScope", text("admin")), ("requiredRole", text("owner"))],
    );
    // At first every check fails. Then the faults are fixed one by one.
    let mut header = json!({ "alg": "HS256", "typ": "JWT", "crit": ["x"], "kid": "none" });
    let mut payload = json!({
        "iss": "https://evil.test", "aud": "other", "exp": 0, "nbf": START.wall / 1000.0 + 60.0, "iat": "x", "sub": "", "scope": "",
        "organization_id": "another",
    });
    assert_rejects(&verifier, &other.token_with(&header, &payload), 0.0, UnsupportedAlgorithm);
    header["alg"] = json!("ES384");
    assert_rejects(&verifier, &other.token_with(&header, &payload), 0.0, InvalidTokenType);
    header["typ"] = json!("at+jwt");
    assert_rejects(&verifier, &other.token_with(&header, &payload), 0.0, MalformedToken);
    header["crit"] = Value::Null;
    assert_rejects(&verifier, &other.token_with(&header, &payload), 0.0, UnknownKey);
    header["kid"] = json!("k");
    assert_rejects(&verifier, &other.token_with(&header, &payload), 0.0, InvalidSignature);
    for (name, value, code) in [
        ("iss", json!(support::ISSUER), InvalidIssuer),
        ("aud", json!(AUDIENCE), InvalidAudience),
        ("exp", json!(START.wall / 1000.0 + 60.0), TokenExpired),
        ("nbf", Value::Null, TokenNotActive),
        ("iat", json!(0), InvalidClaims),
        ("sub", json!("user"), InvalidClaims),
        ("organization_id", json!("org"), WrongOrganization),
        ("scope", json!("admin"), MissingScope),
        ("roles", json!(["owner"]), MissingRole),
    ] {
        assert_rejects(&verifier, &key.token_with(&header, &payload), 0.0, code);
        payload[name] = value;
    }
    assert_accepts(&verifier, &key.token_with(&header, &payload), 0.0);
}

#[test]
fn does_not_parse_the_payload_before_the_signature_is_verified() {
    let (key, other) = (Key::p384("k"), Key::p384("k"));
    let verifier = verifier(&[&key], &[]);
    for payload in ["not JSON", "{\"exp\":0}", "[]"] {
        let header = r#"{"alg":"ES384","typ":"at+jwt","kid":"k"}"#;
        let rejection = assert_rejects(&verifier, &other.jws(header, payload), 0.0, InvalidSignature);
        assert_eq!(rejection.message(), "Token signature is invalid");
        assert!(rejection.details.is_empty(), "{:?}", rejection.details);
    }
}

#[test]
fn accepts_a_token_until_its_exp() {
    let (key, verifier) = key_and_verifier(&[]);
    let token = key.with_claims(&json!({ "exp": START.wall / 1000.0 + 60.0 }));
    assert_accepts(&verifier, &token, 59.9);
    assert_rejects(&verifier, &token, 60.1, TokenExpired); // a cached token
    assert_accepts(&verifier, &token, 59.9);
}

#[test]
fn applies_tolerance_and_current_date() {
    let key = Key::p384("k");
    let token = key.with_claims(&json!({ "exp": START.wall / 1000.0 + 60.0, "nbf": START.wall / 1000.0 }));
    let tolerant = verifier(&[&key], &[("clockTolerance", Raw::Number(5.0))]);
    assert_accepts(&tolerant, &token, 64.9);
    assert_rejects(&tolerant, &token, 65.1, TokenExpired);
    let dated = |seconds: f64| verifier(&[&key], &[("currentDate", Raw::Date(START.wall + seconds * 1000.0))]);
    assert_accepts(&dated(1.0), &token, 1e6);
    assert_rejects(&dated(61.0), &token, 0.0, TokenExpired);
    assert_rejects(&dated(-1.0), &token, 0.0, TokenNotActive);
}

#[test]
fn verifies_the_signature_of_a_token_once() {
    let (key, verifier) = key_and_verifier(&[]);
    let token = key.token();
    for _ in 0..10 {
        assert_accepts(&verifier, &token, 0.0);
    }
    assert_eq!(verifier.token_stats(), (1, 9, 1));
}

#[test]
fn does_not_cache_a_rejected_token() {
    let (key, verifier) = key_and_verifier(&[("requiredScope", text("admin"))]);
    for _ in 0..3 {
        assert_rejects(&verifier, &key.token(), 0.0, MissingScope);
        assert_rejects(&verifier, "opaque", 0.0, OpaqueToken);
    }
    assert_eq!(verifier.token_stats(), (0, 0, 6));
}

#[test]
fn caches_nothing_with_a_token_cache_size_of_0() {
    let (key, verifier) = key_and_verifier(&[("tokenCacheSize", Raw::Number(0.0))]);
    let token = key.token();
    assert_accepts(&verifier, &token, 0.0);
    assert_accepts(&verifier, &token, 0.0);
    assert_eq!(verifier.token_stats().0, 0);
}

#[test]
fn checks_a_token_cached_by_another_verifier_against_its_own_options() {
    let key = Key::p384("k");
    let server = KeyServer::with_keys(&[&key]);
    let token = key.token_with(&json!({ "typ": "JWT" }), &json!({ "organization_id": "org" }));
    let lenient = server.verifier(&[("tokenType", Raw::Null)]);
    assert_accepts(&lenient, &token, 0.0);
    assert_eq!(lenient.token_stats().0, 1);

    let any = ("tokenType", Raw::Null);
    for (members, code) in [
        (vec![], InvalidTokenType),
        (vec![any.clone(), ("algorithms", list(&["RS256"]))], UnsupportedAlgorithm),
        (vec![any.clone(), ("issuer", text("https://other.test/oidc"))], InvalidIssuer),
        (vec![any.clone(), ("organizationId", Raw::Null)], WrongOrganization),
        (vec![any.clone(), ("requiredScope", text("admin"))], MissingScope),
        (vec![any.clone(), ("requiredRole", text("admin"))], MissingRole),
        (vec![any.clone(), ("currentDate", Raw::Date(START.wall + 2e9))], TokenExpired),
    ] {
        let verifier = server.verifier(&members);
        assert_eq!(verifier.token_stats().0, 1, "one cache");
        assert_rejects(&verifier, &token, 0.0, code);
    }
    assert_accepts(&lenient, &token, 0.0);
}

#[test]
fn does_not_accept_a_token_that_was_verified_with_another_key_set() {
    let (mine, theirs) = (Key::p384("k"), Key::p384("k"));
    let (one, other) = (KeyServer::with_keys(&[&mine]), KeyServer::with_keys(&[&theirs]));
    let token = mine.token();
    assert_accepts(&one.verifier(&[]), &token, 0.0);
    assert_rejects(&other.verifier(&[]), &token, 0.0, InvalidSignature);
}

#[test]
fn sends_no_request_with_a_static_key_set() {
    let key = Key::p384("k");
    let server = KeyServer::with_keys(&[&key]);
    let set = support::jwks(&[&key]);
    let set = logto_authkit::jwks::keys::KeySet::from_json(&set).unwrap();
    let options = options(&[("jwksUri", text(&server.jwks_uri()))]);
    let verifier = Verifier::new(Options { keys: KeySource::Static(set.into()), ..options });
    wait(verifier.prefetch(at(0.0))).unwrap();
    assert_accepts(&verifier, &key.token(), 0.0);
    assert_rejects(&verifier, &Key::p384("other").token(), 0.0, UnknownKey);
    let stats = verifier.key_stats(at(0.0));
    assert_eq!((stats.state, stats.keys, stats.fetches, stats.fetched_at), ("fresh", 1, 0, None));
    server.assert_requests(0);
}

#[test]
fn reports_a_missing_token() {
    let verifier = verifier(&[&Key::p384("k")], &[]);
    assert_eq!(outcome(&verifier, &request(None, None)), Err(MissingToken));
    assert_eq!(outcome(&verifier, &request(Some(""), Some(""))), Err(MissingToken));
}

#[test]
fn tries_the_other_token_if_the_first_is_rejected() {
    let (key, verifier) = key_and_verifier(&[]);
    let (good, expired) = (key.token(), key.with_claims(&json!({ "exp": 1 })));
    assert_eq!(outcome(&verifier, &request(Some(&expired), Some(&good))), Ok(()));
    assert_eq!(outcome(&verifier, &request(Some("opaque"), Some(&good))), Ok(()));
    assert_eq!(outcome(&verifier, &request(Some(&good), Some(&expired))), Ok(()));
}

#[test]
fn reports_the_first_error_if_both_tokens_are_rejected() {
    let (key, default) = key_and_verifier(&[]);
    let (opaque, expired) = ("opaque", key.with_claims(&json!({ "exp": 1 })));
    assert_eq!(outcome(&default, &request(Some(&expired), Some(opaque))), Err(TokenExpired));
    assert_eq!(outcome(&default, &request(Some(opaque), Some(&expired))), Err(OpaqueToken));
    let scoped = verifier(&[&key], &[("requiredScope", text("admin"))]);
    assert_eq!(outcome(&scoped, &request(Some(opaque), Some(&key.token()))), Err(OpaqueToken));
}

#[test]
fn does_not_try_the_other_token_after_a_403() {
    let (key, verifier) = key_and_verifier(&[("requiredScope", text("admin"))]);
    let admin = key.with_claims(&json!({ "scope": "admin" }));
    assert_eq!(outcome(&verifier, &request(Some(&key.token()), Some(&admin))), Err(MissingScope));
    assert_eq!(outcome(&verifier, &request(Some(&admin), Some(&key.token()))), Ok(()));
}

#[test]
fn does_not_try_the_other_token_after_a_503() {
    let key = Key::p384("k");
    let server = KeyServer::start(Response::Closed);
    let verifier = server.verifier(&[]);
    let request = request(Some(&key.token()), Some("opaque"));
    assert_eq!(outcome(&verifier, &request), Err(ErrorCode::JwksUnavailable));
}

#[test]
fn rejects_an_ambiguous_request_even_with_a_valid_token() {
    let (key, verifier) = key_and_verifier(&[]);
    let good = key.token();
    let twice = Credentials { authorization: vec![format!("Bearer {good}"); 2], ..Credentials::default() };
    assert_eq!(outcome(&verifier, &twice), Err(AmbiguousToken));
    let tossed = format!("logto_authtoken={good}; logto_authtoken=planted");
    assert_eq!(
        outcome(&verifier, &Credentials { cookies: Some(tossed), ..Credentials::default() }),
        Err(AmbiguousToken)
    );
}
