//! The pipeline with a given key set: the order of its checks, and what is remembered.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use logto_authkit::error::Code::{
    self, AmbiguousToken, InvalidAudience, InvalidClaims, InvalidIssuer, InvalidSignature, InvalidTokenType,
    MalformedToken, MissingRole, MissingScope, MissingToken, OpaqueToken, TokenExpired, TokenNotActive, UnknownKey,
    UnsupportedAlgorithm, WrongOrganization,
};
use logto_authkit::options::{KeySource, Options, Raw};
use logto_authkit::source::Credentials;
use logto_authkit::verify::Verifier;
use serde_json::{Value, json};
use support::{AUDIENCE, Answer, Key, KeyServer, START, accepts, at, options, refuses, verifier, verify, wait};

fn text(text: &str) -> Raw {
    Raw::String(text.into())
}

fn list(items: &[&str]) -> Raw {
    Raw::List(items.iter().map(|item| text(item)).collect())
}

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

fn outcome(verifier: &Verifier, request: &Credentials) -> Result<(), Code> {
    wait(verifier.verify_request(request, at(0.0))).map(drop).map_err(|refusal| refusal.code)
}

#[test]
fn a_token_of_logtos_form_is_accepted() {
    let key = Key::p384("k");
    let context = context(&verifier(&[&key], &[]), &key.token());
    assert_eq!(context["userId"], "app");
    assert_eq!(context["subjectType"], "machine");
    assert_eq!(context["scopes"], json!(["read:orders"]));
    assert_eq!(context["payload"]["aud"], AUDIENCE);
}

#[test]
fn every_algorithm_is_accepted_where_it_is_allowed_and_nowhere_else() {
    let (p384, p256, rsa, ed) = (Key::p384("p384"), Key::p256("p256"), Key::rsa("rsa"), Key::ed25519("ed"));
    let keys = [&p384, &p256, &rsa, &ed];
    let default = verifier(&keys, &[]);
    for (key, alg, by_default) in [
        (&p384, "ES384", true),
        (&rsa, "RS256", true),
        (&p256, "ES256", true),
        (&ed, "EdDSA", true),
        (&rsa, "RS384", false),
        (&rsa, "RS512", false),
        (&rsa, "PS256", false),
        (&rsa, "PS384", false),
        (&rsa, "PS512", false),
    ] {
        let token = key.token_with(&json!({ "alg": alg }), &json!({}));
        accepts(&verifier(&keys, &[("algorithms", list(&[alg]))]), &token, 0.0);
        assert_eq!(verify(&default, &token, 0.0).is_ok(), by_default, "{alg}");
        let other = if alg == "ES384" { "RS256" } else { "ES384" };
        refuses(&verifier(&keys, &[("algorithms", list(&[other]))]), &token, 0.0, UnsupportedAlgorithm);
    }
}

#[test]
fn a_symmetric_or_no_algorithm_is_never_accepted() {
    let key = Key::rsa("k");
    let verifier = verifier(&[&key], &[]);
    for alg in ["none", "NonE", "", "HS256", "HS384", "HS512", "rs256", "RS256 ", "RS1", "ES256K", "dir"] {
        let token = key.token_with(&json!({ "alg": alg }), &json!({}));
        refuses(&verifier, &token, 0.0, UnsupportedAlgorithm);
    }
    let none = key.token_with(&json!({ "alg": "none" }), &json!({}));
    let unsigned = &none[..=none.rfind('.').unwrap()];
    refuses(&verifier, unsigned, 0.0, MalformedToken);
}

#[test]
fn a_key_of_another_kind_is_not_used_whatever_the_header_says() {
    let (p384, rsa) = (Key::p384("p384"), Key::rsa("rsa"));
    let verifier = verifier(&[&p384, &rsa], &[]);
    refuses(&verifier, &p384.token_with(&json!({ "alg": "RS256" }), &json!({})), 0.0, UnknownKey);
    refuses(&verifier, &rsa.token_with(&json!({ "alg": "ES384" }), &json!({})), 0.0, UnknownKey);
    refuses(&verifier, &rsa.token_with(&json!({ "kid": "p384" }), &json!({})), 0.0, UnknownKey);
}

#[test]
fn a_token_without_kid_needs_the_one_key_that_fits() {
    let (one, other, rsa) = (Key::p384("one"), Key::p384("other"), Key::rsa("rsa"));
    let token = one.token_with(&json!({ "kid": null }), &json!({}));
    accepts(&verifier(&[&one, &rsa], &[]), &token, 0.0);
    refuses(&verifier(&[&one, &other], &[]), &token, 0.0, UnknownKey);
    refuses(&verifier(&[&rsa], &[]), &token, 0.0, UnknownKey);
    refuses(&verifier(&[&other], &[]), &token, 0.0, InvalidSignature);
}

#[test]
fn a_key_in_the_header_is_not_trusted() {
    let (key, evil) = (Key::p384("k"), Key::p384("evil"));
    let verifier = verifier(&[&key], &[]);
    for kid in [json!("evil"), json!("__proto__"), json!("k\0"), json!("../k"), json!("' OR 1=1 --")] {
        refuses(&verifier, &evil.token_with(&json!({ "jwk": evil.jwk(), "kid": kid }), &json!({})), 0.0, UnknownKey);
    }
    refuses(&verifier, &evil.token_with(&json!({ "jwk": evil.jwk(), "kid": "k" }), &json!({})), 0.0, InvalidSignature);
}

#[test]
fn a_tampered_part_is_refused() {
    let key = Key::p384("k");
    let verifier = verifier(&[&key], &[]);
    let token = key.token();
    let other = key.token_with(&json!({}), &json!({ "scope": "admin" }));
    let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (mine, theirs) = (parts(&token), parts(&other));
    refuses(&verifier, &format!("{}.{}.{}", mine[0], theirs[1], mine[2]), 0.0, InvalidSignature);
    refuses(&verifier, &format!("{}.{}.{}", mine[0], mine[1], theirs[2]), 0.0, InvalidSignature);
    refuses(&verifier, &format!("{}.{}.{}", mine[0], mine[1], &mine[2][..64]), 0.0, InvalidSignature);
    refuses(&verifier, &format!("{}.{}.", mine[0], mine[1]), 0.0, MalformedToken);
    refuses(&verifier, &format!("{token}="), 0.0, MalformedToken);
    refuses(&verifier, &format!("{token} "), 0.0, MalformedToken);
    accepts(&verifier, &token, 0.0);
}

#[test]
fn a_token_over_16_kib_is_refused_even_if_it_is_good() {
    let key = Key::p384("k");
    let verifier = verifier(&[&key], &[]);
    accepts(&verifier, &key.token_with(&json!({}), &json!({ "custom": "x".repeat(11_000) })), 0.0);
    refuses(&verifier, &key.token_with(&json!({}), &json!({ "custom": "x".repeat(12_000) })), 0.0, MalformedToken);
}

#[test]
fn an_id_token_is_refused_by_its_type() {
    let key = Key::p384("k");
    let default = verifier(&[&key], &[]);
    for typ in [json!(null), json!("JWT"), json!("jwt"), json!("at+jwt2"), json!("application/jwt"), json!("")] {
        refuses(&default, &key.token_with(&json!({ "typ": typ }), &json!({})), 0.0, InvalidTokenType);
    }
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        accepts(&default, &key.token_with(&json!({ "typ": typ }), &json!({})), 0.0);
    }
    let any = verifier(&[&key], &[("tokenType", Raw::Null)]);
    for typ in [json!(null), json!("JWT"), json!("anything")] {
        accepts(&any, &key.token_with(&json!({ "typ": typ }), &json!({})), 0.0);
    }
    let jwt = verifier(&[&key], &[("tokenType", text("JWT"))]);
    accepts(&jwt, &key.token_with(&json!({ "typ": "jwt" }), &json!({})), 0.0);
    refuses(&jwt, &key.token(), 0.0, InvalidTokenType);
}

#[test]
fn extensions_are_refused_whatever_their_value() {
    let key = Key::p384("k");
    let verifier = verifier(&[&key], &[]);
    for header in [
        json!({ "crit": ["exp"] }),
        json!({ "crit": [] }),
        json!({ "crit": "b64" }),
        json!({ "b64": false, "crit": ["b64"] }),
        json!({ "b64": true }),
    ] {
        refuses(&verifier, &key.token_with(&header, &json!({})), 0.0, MalformedToken);
    }
}

#[test]
fn a_header_or_payload_that_is_no_object_or_repeats_a_member_is_refused() {
    let key = Key::p384("k");
    let verifier = verifier(&[&key], &[]);
    let header = r#"{"alg":"ES384","typ":"at+jwt","kid":"k"}"#;
    for payload in ["null", "[]", "\"x\"", "1", "{}}", "", r#"{"sub":"a","sub":"b"}"#, r#"{"exp":1,"\u0065xp":2}"#] {
        refuses(&verifier, &key.jws(header, payload), 0.0, MalformedToken);
    }
    for header in [
        "[]",
        "null",
        r#"{"alg":"ES384","alg":"ES384","typ":"at+jwt","kid":"k"}"#,
        r#"{"alg":"ES384","typ":"at+jwt","kid":1}"#,
        r#"{"alg":"ES384","typ":"at+jwt","kid":null}"#,
        r#"{"alg":"ES384","typ":1,"kid":"k"}"#,
        r#"{"typ":"at+jwt","kid":"k"}"#,
    ] {
        refuses(&verifier, &key.jws(header, "{}"), 0.0, MalformedToken);
    }
}

#[test]
fn an_opaque_token_is_told_from_a_malformed_one() {
    let key = Key::p384("k");
    let verifier = verifier(&[&key], &[]);
    refuses(&verifier, "Xk2vJ0y1c3Qd4f5G6h7J8k9L0m1N2b3V4c5X6z7A8s9", 0.0, OpaqueToken);
    for token in ["a.b", "a.b.c.d", "a.b.c.d.e", "a b", "{\"payload\":\"\"}"] {
        refuses(&verifier, token, 0.0, MalformedToken);
    }
}

#[test]
fn the_checks_come_in_the_order_of_the_contract() {
    let (key, other) = (Key::p384("k"), Key::p384("k"));
    let verifier = verifier(
        &[&key],
        &[("organizationId", text("org")), ("requiredScope", text("admin")), ("requiredRole", text("owner"))],
    );
    // Everything is wrong; then one thing after the other is put right.
    let mut header = json!({ "alg": "HS256", "typ": "JWT", "crit": ["x"], "kid": "none" });
    let mut payload = json!({
        "iss": "https://evil.test", "aud": "other", "exp": 0, "nbf": START.wall / 1000.0 + 60.0, "iat": "x", "sub": "", "scope": "",
        "organization_id": "another",
    });
    refuses(&verifier, &other.token_with(&header, &payload), 0.0, UnsupportedAlgorithm);
    header["alg"] = json!("ES384");
    refuses(&verifier, &other.token_with(&header, &payload), 0.0, InvalidTokenType);
    header["typ"] = json!("at+jwt");
    refuses(&verifier, &other.token_with(&header, &payload), 0.0, MalformedToken);
    header["crit"] = Value::Null;
    refuses(&verifier, &other.token_with(&header, &payload), 0.0, UnknownKey);
    header["kid"] = json!("k");
    refuses(&verifier, &other.token_with(&header, &payload), 0.0, InvalidSignature);
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
        refuses(&verifier, &key.token_with(&header, &payload), 0.0, code);
        payload[name] = value;
    }
    accepts(&verifier, &key.token_with(&header, &payload), 0.0);
}

#[test]
fn a_payload_is_not_looked_at_before_the_signature_holds() {
    let (key, other) = (Key::p384("k"), Key::p384("k"));
    let verifier = verifier(&[&key], &[]);
    for payload in ["not JSON", "{\"exp\":0}", "[]"] {
        let header = r#"{"alg":"ES384","typ":"at+jwt","kid":"k"}"#;
        let refusal = refuses(&verifier, &other.jws(header, payload), 0.0, InvalidSignature);
        assert_eq!(refusal.message(), "Token signature is invalid");
        assert!(refusal.details.is_empty(), "{:?}", refusal.details);
    }
}

#[test]
fn a_token_is_accepted_until_its_exp() {
    let key = Key::p384("k");
    let verifier = verifier(&[&key], &[]);
    let token = key.token_with(&json!({}), &json!({ "exp": START.wall / 1000.0 + 60.0 }));
    accepts(&verifier, &token, 59.9);
    refuses(&verifier, &token, 60.1, TokenExpired); // a remembered one
    accepts(&verifier, &token, 59.9);
}

#[test]
fn tolerance_and_current_date_are_those_of_the_options() {
    let key = Key::p384("k");
    let token = key.token_with(&json!({}), &json!({ "exp": START.wall / 1000.0 + 60.0, "nbf": START.wall / 1000.0 }));
    let tolerant = verifier(&[&key], &[("clockTolerance", Raw::Number(5.0))]);
    accepts(&tolerant, &token, 64.9);
    refuses(&tolerant, &token, 65.1, TokenExpired);
    let dated = |seconds: f64| verifier(&[&key], &[("currentDate", Raw::Date(START.wall + seconds * 1000.0))]);
    accepts(&dated(1.0), &token, 1e6);
    refuses(&dated(61.0), &token, 0.0, TokenExpired);
    refuses(&dated(-1.0), &token, 0.0, TokenNotActive);
}

#[test]
fn a_token_is_examined_once() {
    let key = Key::p384("k");
    let verifier = verifier(&[&key], &[]);
    let token = key.token();
    for _ in 0..10 {
        accepts(&verifier, &token, 0.0);
    }
    assert_eq!(verifier.token_figures(), (1, 9, 1));
}

#[test]
fn a_refused_token_is_not_remembered() {
    let key = Key::p384("k");
    let verifier = verifier(&[&key], &[("requiredScope", text("admin"))]);
    for _ in 0..3 {
        refuses(&verifier, &key.token(), 0.0, MissingScope);
        refuses(&verifier, "opaque", 0.0, OpaqueToken);
    }
    assert_eq!(verifier.token_figures(), (0, 0, 6));
}

#[test]
fn with_a_token_cache_of_size_0_nothing_is_remembered() {
    let key = Key::p384("k");
    let verifier = verifier(&[&key], &[("tokenCacheSize", Raw::Number(0.0))]);
    let token = key.token();
    accepts(&verifier, &token, 0.0);
    accepts(&verifier, &token, 0.0);
    assert_eq!(verifier.token_figures().0, 0);
}

#[test]
fn what_another_verifier_remembers_is_checked_against_ones_own_options() {
    let key = Key::p384("k");
    let server = KeyServer::of(&[&key]);
    let token = key.token_with(&json!({ "typ": "JWT" }), &json!({ "organization_id": "org" }));
    let lenient = server.verifier(&[("tokenType", Raw::Null)]);
    accepts(&lenient, &token, 0.0);
    assert_eq!(lenient.token_figures().0, 1);

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
        assert_eq!(verifier.token_figures().0, 1, "one cache");
        refuses(&verifier, &token, 0.0, code);
    }
    accepts(&lenient, &token, 0.0);
}

#[test]
fn what_is_remembered_under_one_key_set_is_not_believed_under_another() {
    let (mine, theirs) = (Key::p384("k"), Key::p384("k"));
    let (one, other) = (KeyServer::of(&[&mine]), KeyServer::of(&[&theirs]));
    let token = mine.token();
    accepts(&one.verifier(&[]), &token, 0.0);
    refuses(&other.verifier(&[]), &token, 0.0, InvalidSignature);
}

#[test]
fn a_given_key_set_asks_no_server() {
    let key = Key::p384("k");
    let server = KeyServer::of(&[&key]);
    let set = support::jwks(&[&key]);
    let set = logto_authkit::jwks::keys::KeySet::from_json(&set).unwrap();
    let options = options(&[("jwksUri", text(&server.jwks_uri()))]);
    let verifier = Verifier::new(Options { keys: KeySource::Static(set.into()), ..options });
    wait(verifier.prefetch(at(0.0))).unwrap();
    accepts(&verifier, &key.token(), 0.0);
    refuses(&verifier, &Key::p384("other").token(), 0.0, UnknownKey);
    let figures = verifier.key_figures(at(0.0));
    assert_eq!((figures.state, figures.keys, figures.fetches, figures.fetched_at), ("fresh", 1, 0, None));
    server.has_been_asked(0);
}

#[test]
fn a_request_without_a_token_says_so() {
    let verifier = verifier(&[&Key::p384("k")], &[]);
    assert_eq!(outcome(&verifier, &request(None, None)), Err(MissingToken));
    assert_eq!(outcome(&verifier, &request(Some(""), Some(""))), Err(MissingToken));
}

#[test]
fn if_the_first_token_is_bad_the_other_is_tried() {
    let key = Key::p384("k");
    let verifier = verifier(&[&key], &[]);
    let (good, expired) = (key.token(), key.token_with(&json!({}), &json!({ "exp": 1 })));
    assert_eq!(outcome(&verifier, &request(Some(&expired), Some(&good))), Ok(()));
    assert_eq!(outcome(&verifier, &request(Some("opaque"), Some(&good))), Ok(()));
    assert_eq!(outcome(&verifier, &request(Some(&good), Some(&expired))), Ok(()));
}

#[test]
fn if_no_token_is_good_the_first_ones_refusal_stands() {
    let key = Key::p384("k");
    let default = verifier(&[&key], &[]);
    let (opaque, expired) = ("opaque", key.token_with(&json!({}), &json!({ "exp": 1 })));
    assert_eq!(outcome(&default, &request(Some(&expired), Some(opaque))), Err(TokenExpired));
    assert_eq!(outcome(&default, &request(Some(opaque), Some(&expired))), Err(OpaqueToken));
    let scoped = verifier(&[&key], &[("requiredScope", text("admin"))]);
    assert_eq!(outcome(&scoped, &request(Some(opaque), Some(&key.token()))), Err(OpaqueToken));
}

#[test]
fn a_valid_token_that_does_not_permit_is_not_replaced_by_the_other() {
    let key = Key::p384("k");
    let verifier = verifier(&[&key], &[("requiredScope", text("admin"))]);
    let admin = key.token_with(&json!({}), &json!({ "scope": "admin" }));
    assert_eq!(outcome(&verifier, &request(Some(&key.token()), Some(&admin))), Err(MissingScope));
    assert_eq!(outcome(&verifier, &request(Some(&admin), Some(&key.token()))), Ok(()));
}

#[test]
fn an_outage_does_not_have_the_other_token_tried() {
    let key = Key::p384("k");
    let server = KeyServer::start(Answer::Nothing);
    let verifier = server.verifier(&[]);
    let request = request(Some(&key.token()), Some("opaque"));
    assert_eq!(outcome(&verifier, &request), Err(Code::JwksUnavailable));
}

#[test]
fn an_ambiguous_request_is_refused_whatever_its_tokens() {
    let key = Key::p384("k");
    let verifier = verifier(&[&key], &[]);
    let good = key.token();
    let twice = Credentials { authorization: vec![format!("Bearer {good}"); 2], ..Credentials::default() };
    assert_eq!(outcome(&verifier, &twice), Err(AmbiguousToken));
    let tossed = format!("logto_authtoken={good}; logto_authtoken=planted");
    assert_eq!(
        outcome(&verifier, &Credentials { cookies: Some(tossed), ..Credentials::default() }),
        Err(AmbiguousToken)
    );
}
