//! The pipeline with a key set that is fetched over HTTP, at times of the tests' choice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use logto_authkit::error::Code::{InvalidSignature, JwksUnavailable, TokenExpired, UnknownKey};
use logto_authkit::jwks::{self, log};
use logto_authkit::options::Raw;
use logto_authkit::threads::spawn;
use logto_authkit::verify::Verifier;
use serde_json::json;
use support::{Answer, Key, KeyServer, accepts, at, refuses, until, verify, wait};

/// A background fetch has ended.
#[track_caller]
fn landed(verifier: &Verifier, second: f64, fetched_at: f64) {
    until(|| verifier.key_figures(at(second)).fetched_at == Some(at(fetched_at).wall));
}

/// A background fetch has failed.
#[track_caller]
fn failed(verifier: &Verifier, failures: u64) {
    until(|| verifier.key_figures(at(0.0)).failures == failures);
}

#[test]
fn the_set_is_fetched_once_in_five_minutes() {
    let key = Key::p384("k");
    let server = KeyServer::of(&[&key]);
    let verifier = server.verifier(&[]);
    for second in [0.0, 0.001, 1.0, 60.0, 239.9] {
        accepts(&verifier, &key.token(), second);
    }
    server.has_been_asked(1);
}

#[test]
fn a_thousand_first_calls_make_one_request() {
    let key = Key::p256("k");
    let server = KeyServer::of(&[&key]);
    let gate = server.hold();
    let verifier = Arc::new(server.verifier(&[]));
    let token = key.token();
    let calls: Vec<_> = (0..1_000)
        .map(|_| {
            let (verifier, token) = (verifier.clone(), token.clone());
            spawn(async move { verifier.verify(&token, at(0.0)).await.map(drop) }).unwrap()
        })
        .collect();
    until(|| server.requests() == 1);
    gate.open();
    for call in calls {
        wait(call).unwrap().unwrap();
    }
    server.has_been_asked(1);
}

#[test]
fn verifiers_of_one_address_share_its_keys() {
    let key = Key::p384("k");
    let server = KeyServer::of(&[&key]);
    for _ in 0..10 {
        accepts(&server.verifier(&[]), &key.token(), 0.0);
        accepts(&server.verifier(&[("tokenCacheSize", Raw::Number(0.0))]), &key.token(), 1.0);
    }
    server.has_been_asked(1);
}

#[test]
fn from_80_percent_of_the_ttl_traffic_refreshes_in_the_background() {
    let key = Key::p384("k");
    let server = KeyServer::of(&[&key]);
    let verifier = server.verifier(&[]);
    accepts(&verifier, &key.token(), 0.0);
    let gate = server.hold();
    for second in [240.0, 241.0, 244.0] {
        accepts(&verifier, &key.token(), second); // nobody waits for the answer that is held back
    }
    until(|| server.requests() == 2);
    gate.open();
    landed(&verifier, 244.0, 240.0);
    accepts(&verifier, &key.token(), 479.9);
    server.has_been_asked(2);
}

#[test]
fn under_steady_traffic_no_request_waits_and_a_set_is_fetched_every_four_minutes() {
    let key = Key::p384("k");
    let server = KeyServer::of(&[&key]);
    let verifier = server.verifier(&[]);
    for refresh in 0..15 {
        let second = f64::from(refresh) * 240.0;
        accepts(&verifier, &key.token(), second);
        landed(&verifier, second, second);
        accepts(&verifier, &key.token(), second + 239.0);
    }
    server.has_been_asked(15);
}

#[test]
fn every_fetch_is_logged_with_what_provoked_it_and_what_came_of_it() {
    let (old, new) = (Key::p384("old"), Key::p384("new"));
    let server = KeyServer::of(&[&old]);
    let verifier = server.verifier(&[]);
    // Taken at once: other tests log theirs in the same place.
    let logged = || -> Vec<_> {
        let mine = log::take().into_iter().filter(|fetch| fetch.address == server.jwks_uri());
        mine.map(|fetch| (fetch.reason.name(), fetch.outcome.map_err(|error| !error.is_empty()))).collect()
    };
    accepts(&verifier, &old.token(), 0.0);
    assert_eq!(logged(), [("empty", Ok(1))]);
    accepts(&verifier, &old.token(), 1.0);
    assert_eq!(logged(), []);
    accepts(&verifier, &old.token(), 240.0);
    landed(&verifier, 240.0, 240.0);
    assert_eq!(logged(), [("refresh", Ok(1))]);
    accepts(&verifier, &old.token(), 600.0);
    assert_eq!(logged(), [("stale", Ok(1))]);
    server.publish(&[&old, &new]);
    accepts(&verifier, &new.token(), 601.0);
    assert_eq!(logged(), [("unknown_kid", Ok(2))]);
    server.answer(Answer::Nothing);
    accepts(&verifier, &new.token(), 1000.0);
    assert_eq!(logged(), [("stale", Err(true))]);
}

#[test]
fn after_an_idle_time_a_removed_key_does_not_live_on() {
    let (old, new) = (Key::p384("old"), Key::p384("new"));
    let server = KeyServer::of(&[&old]);
    let verifier = server.verifier(&[("tokenCacheSize", Raw::Number(0.0))]);
    accepts(&verifier, &old.token(), 0.0);
    server.publish(&[&new]);
    refuses(&verifier, &old.token(), 300.0, UnknownKey);
    server.has_been_asked(2);
}

#[test]
fn a_remembered_token_stops_with_its_key_and_is_looked_for_once() {
    let (old, new) = (Key::p384("old"), Key::p384("new"));
    let server = KeyServer::of(&[&old]);
    let verifier = server.verifier(&[]);
    let token = old.token();
    accepts(&verifier, &token, 0.0);
    accepts(&verifier, &token, 1.0);
    server.publish(&[&new]);
    refuses(&verifier, &token, 300.0, UnknownKey);
    server.has_been_asked(2);
}

#[test]
fn a_remembered_token_stops_when_its_key_is_replaced_under_the_same_id() {
    let (key, impostor) = (Key::p384("k"), Key::p384("k"));
    let server = KeyServer::of(&[&key]);
    let verifier = server.verifier(&[]);
    let token = key.token();
    accepts(&verifier, &token, 0.0);
    server.publish(&[&impostor]);
    refuses(&verifier, &token, 300.0, InvalidSignature);
    accepts(&verifier, &impostor.token(), 300.0);
}

#[test]
fn with_the_server_gone_known_keys_verify_for_the_ttl_and_the_stale_time() {
    let key = Key::p384("k");
    let server = KeyServer::of(&[&key]);
    let verifier = server.verifier(&[]);
    let token = key.token();
    accepts(&verifier, &token, 0.0);
    server.answer(Answer::Nothing);
    for second in [239.0, 300.0, 301.0, 1_000.0, 3_899.9] {
        accepts(&verifier, &token, second);
        accepts(&verifier, &key.token(), second); // one that is not remembered
    }
    for second in [3_909.9, 3_910.0, 5_000.0] {
        let refusal = refuses(&verifier, &token, second, JwksUnavailable);
        assert!((1..=10).contains(&refusal.retry_after.unwrap()), "{refusal:?}");
        assert_eq!(refusal.details["jwksUri"], server.jwks_uri());
        assert!(refusal.cause.is_some());
        refuses(&verifier, &key.token(), second, JwksUnavailable);
    }
    let figures = verifier.key_figures(at(5_000.0));
    assert_eq!((figures.state, figures.keys), ("stale", 1));
    assert!(figures.last_error.is_some());
}

#[test]
fn in_an_outage_the_server_is_asked_once_a_cool_down() {
    let key = Key::p384("k");
    let server = KeyServer::of(&[&key]);
    let verifier = server.verifier(&[]);
    accepts(&verifier, &key.token(), 0.0);
    server.answer(Answer::Nothing);
    for tenth in 0..1_000 {
        accepts(&verifier, &key.token(), 300.0 + f64::from(tenth) / 10.0);
    }
    server.has_been_asked(1 + 10);
}

#[test]
fn verification_is_back_within_one_cool_down_after_the_server_returns() {
    let key = Key::p384("k");
    let server = KeyServer::of(&[&key]);
    let verifier = server.verifier(&[]);
    accepts(&verifier, &key.token(), 0.0);
    server.answer(Answer::Nothing);
    refuses(&verifier, &key.token(), 4_000.0, JwksUnavailable);
    server.publish(&[&key]);
    let refusal = refuses(&verifier, &key.token(), 4_003.5, JwksUnavailable);
    assert_eq!(refusal.retry_after, Some(7));
    accepts(&verifier, &key.token(), 4_011.0);
    assert_eq!(verifier.key_figures(at(4_011.0)).last_error, None);
}

#[test]
fn a_first_fetch_that_fails_is_an_outage_and_over_after_a_cool_down() {
    let key = Key::p384("k");
    let server = KeyServer::start(Answer::Nothing);
    let verifier = server.verifier(&[]);
    assert_eq!(refuses(&verifier, &key.token(), 0.0, JwksUnavailable).retry_after, Some(10));
    server.publish(&[&key]);
    assert_eq!(refuses(&verifier, &key.token(), 9.1, JwksUnavailable).retry_after, Some(1));
    server.has_been_asked(1);
    accepts(&verifier, &key.token(), 11.0);
    server.has_been_asked(2);
}

#[test]
fn nobody_listening_is_an_outage() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let uri = Raw::String(format!("http://{address}/oidc/jwks"));
    let verifier = Verifier::new(support::options(&[("jwksUri", uri)]));
    let refusal = refuses(&verifier, &Key::p384("k").token(), 0.0, JwksUnavailable);
    let cause = refusal.cause.unwrap();
    assert!(cause.contains("onnect") && !cause.contains("oidc/jwks"), "{cause}");
}

#[test]
fn after_a_rotation_without_grace_period_the_first_new_token_is_accepted() {
    let (old, new) = (Key::p384("old"), Key::rsa("new"));
    let server = KeyServer::of(&[&old]);
    let verifier = server.verifier(&[]);
    accepts(&verifier, &old.token(), 0.0);
    server.publish(&[&new, &old]);
    accepts(&verifier, &new.token(), 1.0); // however short ago the last regular fetch was
    accepts(&verifier, &old.token(), 1.0);
    server.has_been_asked(2);
}

#[test]
fn while_the_server_still_serves_the_old_set_the_new_key_is_looked_for_every_cool_down() {
    let (old, new) = (Key::p384("old"), Key::p384("new"));
    let server = KeyServer::of(&[&old]);
    let verifier = server.verifier(&[]);
    accepts(&verifier, &old.token(), 0.0);
    for second in [1.0, 2.0, 10.9, 11.0, 12.0, 21.0, 30.0] {
        refuses(&verifier, &new.token(), second, UnknownKey);
    }
    server.has_been_asked(1 + 3);
    server.publish(&[&new, &old]);
    refuses(&verifier, &new.token(), 30.9, UnknownKey);
    accepts(&verifier, &new.token(), 31.0);
}

#[test]
fn a_key_that_is_removed_stops_at_the_next_refresh() {
    let (old, new) = (Key::p384("old"), Key::p384("new"));
    let server = KeyServer::of(&[&old, &new]);
    let verifier = server.verifier(&[]);
    let token = old.token();
    accepts(&verifier, &token, 0.0);
    server.publish(&[&new]);
    accepts(&verifier, &token, 240.0);
    landed(&verifier, 240.0, 240.0);
    refuses(&verifier, &token, 241.0, UnknownKey);
    accepts(&verifier, &new.token(), 241.0);
}

#[test]
fn ten_thousand_unknown_ids_make_one_request_a_cool_down_and_evict_nothing() {
    let key = Key::p384("k");
    let server = KeyServer::of(&[&key]);
    let verifier = server.verifier(&[("tokenCacheSize", Raw::Number(0.0))]);
    let known = key.token();
    let template = Key::p384("made-up");
    let flood: Vec<String> =
        (0..100).map(|n| template.token_with(&json!({ "kid": format!("made-up-{n}") }), &json!({}))).collect();
    accepts(&verifier, &known, 0.0);
    for round in 0..100 {
        let second = 1.0 + f64::from(round);
        for token in &flood {
            refuses(&verifier, token, second, UnknownKey);
        }
        accepts(&verifier, &known, second);
    }
    server.has_been_asked(1 + 10);
}

#[test]
fn unknown_ids_that_come_at_once_share_one_request() {
    let key = Key::p384("k");
    let server = KeyServer::of(&[&key]);
    let verifier = Arc::new(server.verifier(&[]));
    accepts(&verifier, &key.token(), 0.0);
    let gate = server.hold();
    let template = Key::p384("made-up");
    let calls: Vec<_> = (0..200)
        .map(|n| {
            let token = template.token_with(&json!({ "kid": format!("made-up-{n}") }), &json!({}));
            let verifier = verifier.clone();
            spawn(async move { verifier.verify(&token, at(1.0)).await.map(drop) }).unwrap()
        })
        .collect();
    until(|| server.requests() == 2);
    accepts(&verifier, &key.token(), 1.0); // known keys wait for nothing
    gate.open();
    for call in calls {
        assert_eq!(wait(call).unwrap().unwrap_err().code, UnknownKey);
    }
    server.has_been_asked(2);
}

#[test]
fn unknown_ids_in_an_outage_are_unavailable_and_known_keys_verify() {
    let key = Key::p384("k");
    let server = KeyServer::of(&[&key]);
    let verifier = server.verifier(&[]);
    accepts(&verifier, &key.token(), 0.0);
    server.answer(Answer::Nothing);
    let unknown = Key::p384("made-up").token();
    for second in [1.0, 2.0, 10.9] {
        refuses(&verifier, &unknown, second, JwksUnavailable);
        accepts(&verifier, &key.token(), second);
    }
    server.has_been_asked(2);
    server.publish(&[&key]);
    refuses(&verifier, &unknown, 12.0, UnknownKey);
    server.has_been_asked(3);
}

#[test]
fn a_key_for_another_algorithm_provokes_no_request() {
    let key = Key::p384("k");
    let server = KeyServer::of(&[&key]);
    let verifier = server.verifier(&[]);
    accepts(&verifier, &key.token(), 0.0);
    refuses(&verifier, &Key::p256("k").token(), 1.0, UnknownKey);
    server.has_been_asked(1);
}

#[test]
fn a_set_that_has_not_changed_is_not_sent_again() {
    let key = Key::p384("k");
    let server = KeyServer::start(Answer::Keys(support::jwks(&[&key]), Some("\"v1\"")));
    let verifier = server.verifier(&[]);
    accepts(&verifier, &key.token(), 0.0);
    assert!(!server.last_head().contains("if-none-match"));
    accepts(&verifier, &key.token(), 300.0);
    assert!(server.last_head().contains("if-none-match: \"v1\"\r\n"), "{}", server.last_head());
    let figures = verifier.key_figures(at(300.0));
    assert_eq!((figures.state, figures.fetches, figures.failures), ("fresh", 2, 0));
    assert_eq!(figures.fetched_at, Some(at(300.0).wall));
    accepts(&verifier, &key.token(), 539.0);
    server.has_been_asked(2);
}

#[test]
fn a_set_with_another_etag_replaces_the_old_one() {
    let (old, new) = (Key::p384("old"), Key::p384("new"));
    let server = KeyServer::start(Answer::Keys(support::jwks(&[&old]), Some("\"v1\"")));
    let verifier = server.verifier(&[]);
    accepts(&verifier, &old.token(), 0.0);
    server.answer(Answer::Keys(support::jwks(&[&new]), Some("\"v2\"")));
    accepts(&verifier, &new.token(), 300.0);
    accepts(&verifier, &new.token(), 600.0);
    assert!(server.last_head().contains("if-none-match: \"v2\"\r\n"), "{}", server.last_head());
}

#[test]
fn a_304_that_was_not_asked_for_is_an_outage() {
    let server = KeyServer::start(Answer::status("304 Not Modified", "", ""));
    let refusal = refuses(&server.verifier(&[]), &Key::p384("k").token(), 0.0, JwksUnavailable);
    assert_eq!(refusal.cause.as_deref(), Some("the key set's address answered 304"));
}

/// Answers that are an outage, each with what an operator reads.
fn bad_answers(elsewhere: &KeyServer) -> Vec<(&'static str, Answer)> {
    let key = Key::p384("k").jwk();
    let location = format!("Location: {}\r\n", elsewhere.jwks_uri());
    let many: Vec<_> = (0..10_000).map(|n| json!({ "kty": "EC", "crv": "P-384", "kid": format!("{n}") })).collect();
    let oct = json!({ "keys": [{ "kty": "oct", "kid": "k", "k": "AAAA" }] }).to_string();
    let truncated = format!("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{}", json!({ "keys": [key] }));
    let lone = json!({ "keys": [key] }).to_string();
    vec![
        ("the key set's address answered 500", Answer::status("500 Internal Server Error", "", "{}")),
        ("the key set's address answered 404", Answer::status("404 Not Found", "", &lone)),
        ("the key set's address answered 204", Answer::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())),
        ("the key set's address answered 302", Answer::status("302 Found", &location, "")),
        ("the key set's address answered 308", Answer::status("308 Permanent Redirect", &location, &lone)),
        ("the answer is not JSON", Answer::ok("<!doctype html><title>Sign in</title>")),
        ("the answer is not JSON", Answer::ok("")),
        ("the answer is not JSON", Answer::ok(&lone[..lone.len() - 1])),
        ("not a JWK Set", Answer::ok("{}")),
        ("not a JWK Set", Answer::ok(&key.to_string())),
        ("no usable key among 0", Answer::ok("{\"keys\":[]}")),
        ("no usable key among 1", Answer::ok(&oct)),
        ("the answer is longer than 256 KiB", Answer::ok(&json!({ "keys": many }).to_string())),
        ("10000 keys, more than 64", Answer::ok(&json!({ "keys": vec![1; 10_000] }).to_string())),
        ("the answer is longer than 256 KiB", Answer::Endless { slowly: false }),
        ("", Answer::Bytes(truncated.into())),
        ("", Answer::Bytes(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec())),
        ("", Answer::Nothing),
        ("no complete answer within the time-out", Answer::Endless { slowly: true }),
    ]
}

#[test]
fn a_bad_first_answer_is_an_outage_with_its_cause() {
    let elsewhere = KeyServer::of(&[&Key::p384("k")]);
    for (cause, answer) in bad_answers(&elsewhere) {
        let server = KeyServer::start(answer);
        let verifier = server.verifier(&[("jwksTimeoutMs", Raw::Number(300.0))]);
        let refusal = refuses(&verifier, &Key::p384("k").token(), 0.0, JwksUnavailable);
        let given = refusal.cause.unwrap();
        assert!(!given.is_empty() && given.contains(cause), "{given} instead of {cause}");
        assert!(!given.contains("127.0.0.1") && !given.contains('\n'), "{given}");
        assert_eq!(verifier.key_figures(at(0.0)).state, "empty");
    }
    elsewhere.has_been_asked(0); // no redirect is followed
}

#[test]
fn a_bad_later_answer_takes_no_key_away() {
    let elsewhere = KeyServer::of(&[&Key::p384("k")]);
    for (cause, answer) in bad_answers(&elsewhere) {
        let key = Key::p384("k");
        let server = KeyServer::of(&[&key]);
        let verifier = server.verifier(&[]);
        accepts(&verifier, &key.token(), 0.0);
        server.answer(answer);
        accepts(&server.verifier(&[("jwksTimeoutMs", Raw::Number(300.0))]), &key.token(), 300.0);
        accepts(&verifier, &key.token(), 305.0);
        let figures = verifier.key_figures(at(305.0));
        assert_eq!((figures.state, figures.keys, figures.failures), ("stale", 1, 1), "{cause}");
        server.publish(&[&key]);
        accepts(&verifier, &key.token(), 311.0);
        assert_eq!(verifier.key_figures(at(311.0)).state, "fresh", "{cause}");
    }
    elsewhere.has_been_asked(0);
}

#[test]
fn a_hanging_server_holds_a_request_no_longer_than_the_time_out() {
    let key = Key::p384("k");
    let server = KeyServer::of(&[&key]);
    let _gate = server.hold();
    let verifier = server.verifier(&[("jwksTimeoutMs", Raw::Number(50.0))]);
    let begun = Instant::now();
    let refusal = refuses(&verifier, &key.token(), 0.0, JwksUnavailable);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert!((1..=10).contains(&refusal.retry_after.unwrap()));
}

#[test]
fn a_request_that_waits_less_long_than_the_fetch_under_way_says_why_it_is_refused() {
    let key = Key::p384("k");
    let server = KeyServer::of(&[&key]);
    let _gate = server.hold();
    let patient = Arc::new(server.verifier(&[("jwksTimeoutMs", Raw::Number(30_000.0))]));
    let token = key.token();
    drop(spawn(async move { patient.verify(&token, at(0.0)).await.map(drop) }).unwrap());
    until(|| server.requests() == 1);
    let hasty = server.verifier(&[("jwksTimeoutMs", Raw::Number(20.0))]);
    let refusal = refuses(&hasty, &key.token(), 1.0, JwksUnavailable);
    assert_eq!(refusal.cause.as_deref(), Some("no complete answer within the time-out"));
    server.has_been_asked(1);
}

#[test]
fn a_hanging_refresh_holds_no_request_with_a_fresh_set() {
    let key = Key::p384("k");
    let server = KeyServer::of(&[&key]);
    accepts(&server.verifier(&[]), &key.token(), 0.0);
    let _gate = server.hold();
    let verifier = server.verifier(&[("jwksTimeoutMs", Raw::Number(50.0))]);
    accepts(&verifier, &key.token(), 240.0);
    failed(&verifier, 1);
    accepts(&verifier, &key.token(), 245.0);
    server.has_been_asked(2);
}

#[test]
fn a_cleared_cache_is_fetched_again_at_once() {
    let (old, new) = (Key::p384("old"), Key::p384("new"));
    let server = KeyServer::of(&[&old]);
    let verifier = server.verifier(&[]);
    accepts(&verifier, &old.token(), 0.0);
    server.publish(&[&new]);
    jwks::clear(&server.jwks_uri());
    refuses(&verifier, &old.token(), 1.0, UnknownKey);
    accepts(&verifier, &new.token(), 1.0);
    server.has_been_asked(2);
}

#[test]
fn an_answer_from_before_a_clear_loses_and_who_waited_for_it_gets_the_next() {
    let (old, new) = (Key::p384("old"), Key::p384("new"));
    let server = KeyServer::of(&[&old]);
    let gate = server.hold();
    let verifier = Arc::new(server.verifier(&[]));
    let waiting = {
        let (verifier, token) = (verifier.clone(), new.token());
        spawn(async move { verifier.verify(&token, at(0.0)).await.map(drop) }).unwrap()
    };
    until(|| server.requests() == 1);
    server.publish(&[&new]);
    server.hold_no_more();
    jwks::clear(&server.jwks_uri());
    wait(waiting).unwrap().unwrap();
    gate.open();
    refuses(&verifier, &old.token(), 0.0, UnknownKey);
    accepts(&verifier, &new.token(), 0.0);
    let figures = verifier.key_figures(at(0.0));
    assert_eq!((figures.keys, figures.failures), (1, 0));
}

#[test]
fn an_unknown_id_that_is_looked_for_during_a_clear_is_looked_for_again() {
    let (old, new) = (Key::p384("old"), Key::p384("new"));
    let server = KeyServer::of(&[&old]);
    let verifier = Arc::new(server.verifier(&[]));
    accepts(&verifier, &old.token(), 0.0);
    server.publish(&[&new]);
    let _gate = server.hold();
    let waiting = {
        let (verifier, token) = (verifier.clone(), new.token());
        spawn(async move { verifier.verify(&token, at(1.0)).await.map(drop) }).unwrap()
    };
    until(|| server.requests() == 2);
    server.hold_no_more();
    jwks::clear(&server.jwks_uri());
    wait(waiting).unwrap().unwrap();
}

#[test]
fn clearing_one_address_leaves_the_others() {
    let key = Key::p384("k");
    let (one, other) = (KeyServer::of(&[&key]), KeyServer::of(&[&key]));
    let verifiers = [one.verifier(&[]), other.verifier(&[])];
    for verifier in &verifiers {
        accepts(verifier, &key.token(), 0.0);
    }
    jwks::clear(&one.jwks_uri());
    for verifier in &verifiers {
        accepts(verifier, &key.token(), 1.0);
    }
    one.has_been_asked(2);
    other.has_been_asked(1);
}

#[test]
fn with_a_ttl_of_0_every_verification_asks_and_an_outage_is_served_stale() {
    let key = Key::p384("k");
    let server = KeyServer::of(&[&key]);
    let verifier = server.verifier(&[("jwksCacheTtlMs", Raw::Number(0.0))]);
    let token = key.token();
    for second in 0..5 {
        accepts(&verifier, &token, f64::from(second)); // a remembered one too
    }
    server.has_been_asked(5);
    server.answer(Answer::Nothing);
    accepts(&verifier, &token, 5.0);
    accepts(&verifier, &token, 6.0);
    server.has_been_asked(6);
}

#[test]
fn without_a_key_cache_every_verification_asks_and_an_outage_is_felt_at_once() {
    let key = Key::p384("k");
    let server = KeyServer::of(&[&key]);
    let verifier = server.verifier(&[("skipJwksCache", Raw::Bool(true))]);
    let token = key.token();
    accepts(&verifier, &token, 0.0);
    accepts(&verifier, &token, 0.0);
    server.answer(Answer::Nothing);
    refuses(&verifier, &token, 0.0, JwksUnavailable);
    server.publish(&[&key]);
    accepts(&verifier, &token, 0.0);
    server.has_been_asked(4);
}

#[test]
fn a_prefetched_set_is_there_for_the_first_token() {
    let key = Key::p384("k");
    let server = KeyServer::of(&[&key]);
    let verifier = server.verifier(&[]);
    wait(verifier.prefetch(at(0.0))).unwrap();
    server.has_been_asked(1);
    accepts(&verifier, &key.token(), 1.0);
    wait(verifier.prefetch(at(1.0))).unwrap();
    server.has_been_asked(1);
}

#[test]
fn a_prefetch_that_fails_says_so() {
    let server = KeyServer::start(Answer::Nothing);
    assert_eq!(wait(server.verifier(&[]).prefetch(at(0.0))).unwrap_err().code, JwksUnavailable);
}

#[test]
fn a_set_time_for_claims_does_not_age_keys() {
    let key = Key::p384("k");
    let server = KeyServer::of(&[&key]);
    let token = key.token();
    let past = server.verifier(&[("currentDate", Raw::Date(at(0.0).wall))]);
    accepts(&past, &token, 0.0);
    accepts(&past, &token, 2e6); // its exp has passed on the clock, not on that date
    server.has_been_asked(2);
    let future = server.verifier(&[("currentDate", Raw::Date(at(2e6).wall))]);
    refuses(&future, &token, 2e6 + 1.0, TokenExpired);
    server.has_been_asked(2);
}

#[test]
fn a_token_that_is_refused_before_its_key_is_needed_asks_nothing() {
    let key = Key::p384("k");
    let server = KeyServer::of(&[&key]);
    let verifier = server.verifier(&[]);
    for token in [
        "opaque".to_owned(),
        "a.b.c".to_owned(),
        key.token_with(&json!({ "alg": "none" }), &json!({})),
        key.token_with(&json!({ "alg": "HS256" }), &json!({})),
        key.token_with(&json!({ "typ": "JWT" }), &json!({})),
        key.token_with(&json!({ "crit": ["exp"] }), &json!({})),
        "x".repeat(20_000),
    ] {
        assert!(verify(&verifier, &token, 0.0).is_err());
    }
    server.has_been_asked(0);
}

#[test]
fn the_addresses_that_a_token_brings_along_are_not_asked() {
    let (key, evil) = (Key::p384("k"), Key::p384("evil"));
    let (server, theirs) = (KeyServer::of(&[&key]), KeyServer::of(&[&evil]));
    let verifier = server.verifier(&[]);
    let header = json!({ "jku": theirs.jwks_uri(), "x5u": theirs.jwks_uri(), "jwk": evil.jwk(), "x5c": ["AAAA"] });
    let issuer = json!({ "iss": theirs.jwks_uri().trim_end_matches("/jwks") });
    refuses(&verifier, &evil.token_with(&header, &issuer), 0.0, UnknownKey);
    accepts(&verifier, &key.token_with(&header, &json!({})), 0.0);
    theirs.has_been_asked(0);
}
