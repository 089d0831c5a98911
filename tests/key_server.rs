//! Tests the pipeline with a key set that is fetched over HTTP. The tests control the clock.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use logto_authkit::clock::Timestamp;
use logto_authkit::error::ErrorCode::{
    InvalidSignature, JwksUnavailable, RevocationsUnavailable, TokenExpired, UnknownKey,
};
use logto_authkit::error::Rejection;
use logto_authkit::jwks::remote::{KeyQuery, RemoteJwkSet};
use logto_authkit::jwks::{self, CachePolicy, log};
use logto_authkit::options::Raw;
use logto_authkit::revocations::{RevocationMirror, RevocationPolicy, Revocations};
use logto_authkit::signature::Algorithm;
use logto_authkit::source::Credentials;
use logto_authkit::threads::spawn;
use logto_authkit::verify::Verifier;
use serde_json::json;
use support::{Key, KeyServer, Response, assert_accepts, assert_rejects, at, until, verify, wait};
use tokio::task::JoinHandle;

/// Starts a server that publishes one key, and creates a verifier.
fn with_key(members: &[(&str, Raw)]) -> (Key, KeyServer, Arc<Verifier>) {
    let key = Key::p384("k");
    let server = KeyServer::with_keys(&[&key]);
    let verifier = Arc::new(server.verifier(members));
    (key, server, verifier)
}

/// Like `with_key`, but the verifier has already fetched the key at second 0.
#[track_caller]
fn with_cached_key(members: &[(&str, Raw)]) -> (Key, KeyServer, Arc<Verifier>) {
    let (key, server, verifier) = with_key(members);
    assert_accepts(&verifier, &key.token(), 0.0);
    (key, server, verifier)
}

/// Starts a verification on the runtime.
fn start_verification(verifier: &Arc<Verifier>, token: String, now: Timestamp) -> JoinHandle<Result<(), Rejection>> {
    let verifier = verifier.clone();
    spawn(async move { verifier.verify(&token, now).await.map(drop) }).unwrap()
}

/// Waits until a background fetch has succeeded.
#[track_caller]
fn wait_for_fetch(verifier: &Verifier, second: f64, fetched_at: f64) {
    until(|| verifier.key_stats(at(second)).fetched_at == Some(at(fetched_at).wall));
}

/// Waits until a background fetch has failed.
#[track_caller]
fn wait_for_failures(verifier: &Verifier, failures: u64) {
    until(|| verifier.key_stats(at(0.0)).failures == failures);
}

#[test]
fn fetches_a_set_once_per_five_minutes() {
    let (key, server, verifier) = with_key(&[]);
    for second in [0.0, 0.001, 1.0, 60.0, 239.9] {
        assert_accepts(&verifier, &key.token(), second);
    }
    server.assert_requests(1);
}

#[test]
fn a_thousand_concurrent_first_calls_cause_one_request() {
    let key = Key::p256("k");
    let server = KeyServer::with_keys(&[&key]);
    let gate = server.delay_requests();
    let verifier = Arc::new(server.verifier(&[]));
    let token = key.token();
    let calls: Vec<_> = (0..1_000).map(|_| start_verification(&verifier, token.clone(), at(0.0))).collect();
    until(|| server.requests() == 1);
    gate.open();
    for call in calls {
        wait(call).unwrap().unwrap();
    }
    server.assert_requests(1);
}

#[test]
fn verifiers_with_the_same_url_share_its_keys() {
    let key = Key::p384("k");
    let server = KeyServer::with_keys(&[&key]);
    for _ in 0..10 {
        assert_accepts(&server.verifier(&[]), &key.token(), 0.0);
        assert_accepts(&server.verifier(&[("tokenCacheSize", Raw::Number(0.0))]), &key.token(), 1.0);
    }
    server.assert_requests(1);
}

#[test]
fn refreshes_in_the_background_after_80_percent_of_the_ttl() {
    let (key, server, verifier) = with_cached_key(&[]);
    let gate = server.delay_requests();
    for second in [240.0, 241.0, 244.0] {
        assert_accepts(&verifier, &key.token(), second); // no request waits for the delayed response
    }
    until(|| server.requests() == 2);
    gate.open();
    wait_for_fetch(&verifier, 244.0, 240.0);
    assert_accepts(&verifier, &key.token(), 479.9);
    server.assert_requests(2);
}

#[test]
fn fetches_every_four_minutes_under_steady_traffic_without_making_requests_wait() {
    let (key, server, verifier) = with_key(&[]);
    for refresh in 0..15 {
        let second = f64::from(refresh) * 240.0;
        assert_accepts(&verifier, &key.token(), second);
        wait_for_fetch(&verifier, second, second);
        assert_accepts(&verifier, &key.token(), second + 239.0);
    }
    server.assert_requests(15);
}

#[test]
fn logs_every_fetch_with_its_cause_and_outcome() {
    let (old, server, verifier) = with_key(&[]);
    let new = Key::p384("new");
    // Other tests write to the same log, so the records must be taken immediately.
    let logged = || -> Vec<_> {
        let mine = log::drain().into_iter().filter(|fetch| fetch.url == server.jwks_uri());
        mine.map(|fetch| (fetch.reason.name(), fetch.outcome.map_err(|error| !error.is_empty()))).collect()
    };
    assert_accepts(&verifier, &old.token(), 0.0);
    assert_eq!(logged(), [("empty", Ok(1))]);
    assert_accepts(&verifier, &old.token(), 1.0);
    assert_eq!(logged(), []);
    assert_accepts(&verifier, &old.token(), 240.0);
    wait_for_fetch(&verifier, 240.0, 240.0);
    assert_eq!(logged(), [("refresh", Ok(1))]);
    assert_accepts(&verifier, &old.token(), 600.0);
    assert_eq!(logged(), [("stale", Ok(1))]);
    server.publish_keys(&[&old, &new]);
    assert_accepts(&verifier, &new.token(), 601.0);
    assert_eq!(logged(), [("unknown_kid", Ok(2))]);
    server.respond(Response::Closed);
    assert_accepts(&verifier, &new.token(), 1000.0);
    assert_eq!(logged(), [("stale", Err(true))]);
}

#[test]
fn rejects_a_removed_key_after_an_idle_period() {
    let (old, server, verifier) = with_cached_key(&[("tokenCacheSize", Raw::Number(0.0))]);
    let new = Key::p384("new");
    server.publish_keys(&[&new]);
    assert_rejects(&verifier, &old.token(), 300.0, UnknownKey);
    server.assert_requests(2);
}

#[test]
fn rejects_a_cached_token_after_its_key_was_removed_with_a_single_fetch() {
    let (old, server, verifier) = with_key(&[]);
    let new = Key::p384("new");
    let token = old.token();
    assert_accepts(&verifier, &token, 0.0);
    assert_accepts(&verifier, &token, 1.0);
    server.publish_keys(&[&new]);
    assert_rejects(&verifier, &token, 300.0, UnknownKey);
    server.assert_requests(2);
}

#[test]
fn rejects_a_cached_token_after_its_key_was_replaced_under_the_same_kid() {
    let (key, server, verifier) = with_key(&[]);
    let impostor = Key::p384("k");
    let token = key.token();
    assert_accepts(&verifier, &token, 0.0);
    server.publish_keys(&[&impostor]);
    assert_rejects(&verifier, &token, 300.0, InvalidSignature);
    assert_accepts(&verifier, &impostor.token(), 300.0);
}

#[test]
fn uses_known_keys_during_an_outage_until_ttl_and_max_stale_have_passed() {
    let (key, server, verifier) = with_key(&[]);
    let token = key.token();
    assert_accepts(&verifier, &token, 0.0);
    server.respond(Response::Closed);
    for second in [239.0, 300.0, 301.0, 1_000.0, 3_899.9] {
        assert_accepts(&verifier, &token, second);
        assert_accepts(&verifier, &key.token(), second); // a token that is not cached
    }
    for second in [3_909.9, 3_910.0, 5_000.0] {
        let rejection = assert_rejects(&verifier, &token, second, JwksUnavailable);
        assert!((1..=10).contains(&rejection.retry_after.unwrap()), "{rejection:?}");
        assert_eq!(rejection.details["jwksUri"], server.jwks_uri());
        assert!(rejection.cause.is_some());
        assert_rejects(&verifier, &key.token(), second, JwksUnavailable);
    }
    let stats = verifier.key_stats(at(5_000.0));
    assert_eq!((stats.state, stats.keys), ("stale", 1));
    assert!(stats.last_error.is_some());
}

#[test]
fn sends_one_request_per_cooldown_during_an_outage() {
    let (key, server, verifier) = with_cached_key(&[]);
    server.respond(Response::Closed);
    for failures in 0..10u8 {
        let start = 300.0 + 12.0 * f64::from(failures);
        for tenth in 0..100 {
            assert_accepts(&verifier, &key.token(), start + f64::from(tenth) / 10.0);
            wait_for_failures(&verifier, u64::from(failures) + 1);
        }
    }
    server.assert_requests(1 + 10);
}

#[test]
fn verifies_again_soon_after_an_outage_without_usable_keys() {
    let (key, server, verifier) = with_cached_key(&[]);
    server.respond(Response::Closed);
    assert_eq!(assert_rejects(&verifier, &key.token(), 4_000.0, JwksUnavailable).retry_after, Some(1));
    server.publish_keys(&[&key]);
    assert_accepts(&verifier, &key.token(), 4_000.1);
    assert_eq!(verifier.key_stats(at(4_001.0)).last_error, None);
}

#[test]
fn a1_a_lost_first_connection_is_retried_immediately() {
    let key = Key::p384("k");
    let server = KeyServer::start(Response::Closed);
    let gate = server.delay_requests();
    let verifier = Arc::new(server.verifier(&[]));
    let waiting: Vec<_> = (0..100).map(|_| start_verification(&verifier, key.token(), at(0.0))).collect();
    until(|| server.requests() == 1);
    server.release_new_requests();
    gate.open();
    until(|| server.requests() == 2);
    for call in waiting {
        assert_eq!(wait(call).unwrap().unwrap_err().code, JwksUnavailable); // both connections were lost
    }
    server.assert_requests(2);
    server.publish_keys(&[&key]);
    assert_accepts(&verifier, &key.token(), 0.05);
    server.assert_requests(3);
    let stats = verifier.key_stats(at(1.0));
    assert_eq!((stats.fetches, stats.failures, stats.last_error), (3, 2, None));
}

#[test]
fn a1_a_failed_first_fetch_is_retried_after_growing_pauses() {
    let key = Key::p384("k");
    let server = KeyServer::start(Response::status("500 Internal Server Error", "", ""));
    let verifier = server.verifier(&[]);
    // Attempts are at least a second later than the pauses (0.25, 0.5, 1, 2, 4, 8, 10 seconds), as fetches take time.
    for (second, retry_after) in [(0.0, 1), (1.25, 1), (3.0, 1), (5.0, 2), (8.0, 4), (13.0, 8), (22.0, 10), (33.0, 10)]
    {
        let rejection = assert_rejects(&verifier, &key.token(), second, JwksUnavailable);
        assert_eq!(rejection.retry_after, Some(retry_after), "{second}");
    }
    server.assert_requests(8);
    server.publish_keys(&[&key]);
    let rejection = assert_rejects(&verifier, &key.token(), 38.5, JwksUnavailable);
    assert!((5..=6).contains(&rejection.retry_after.unwrap()), "{rejection:?}");
    assert_accepts(&verifier, &key.token(), 44.0);
    server.assert_requests(9);
}

#[test]
fn a2_a_fetch_in_a_process_that_was_frozen_is_abandoned() {
    let (key, server, verifier) = with_cached_key(&[("jwksTimeoutMs", Raw::Number(60_000.0))]);
    let _gate = server.delay_requests();
    assert_accepts(&verifier, &key.token(), 240.0);
    until(|| server.requests() == 2);
    server.release_new_requests();
    assert_accepts(&verifier, &key.token(), 10_000.0);
    server.assert_requests(3);
    assert_eq!(verifier.key_stats(at(10_000.0)).failures, 0);
}

#[test]
fn a7_a_token_that_may_be_signed_with_a_newer_key_is_unavailable_during_the_cooldown() {
    let (old, server, verifier) = with_key(&[]);
    let new = Key::p384("new");
    let issued = |key: &Key, second: f64| key.with_claims(&json!({ "iat": at(0.0).wall / 1000.0 + second }));
    assert_accepts(&verifier, &old.token(), 0.0);
    assert_rejects(&verifier, &issued(&Key::p384("made-up"), -60.0), 20.0, UnknownKey);
    server.publish_keys(&[&new]);
    let rejection = assert_rejects(&verifier, &issued(&new, 22.0), 23.0, JwksUnavailable);
    assert_eq!(rejection.retry_after, Some(7));
    assert!(rejection.cause.unwrap().contains("newer"));
    assert_rejects(&verifier, &issued(&new, -60.0), 23.0, UnknownKey);
    assert_rejects(&verifier, &issued(&Key::p384("made-up"), 1e6), 23.0, UnknownKey);
    assert_accepts(&verifier, &issued(&new, 22.0), 30.0);
    assert_rejects(&verifier, &issued(&old, 32.0), 33.0, UnknownKey); // the key was removed, so it cannot be new
    server.assert_requests(3);
}

#[test]
fn a_refused_connection_is_an_outage() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let uri = Raw::String(format!("http://{address}/oidc/jwks"));
    let verifier = Verifier::new(support::options(&[("jwksUri", uri)]));
    let rejection = assert_rejects(&verifier, &Key::p384("k").token(), 0.0, JwksUnavailable);
    let cause = rejection.cause.unwrap();
    assert!(cause.contains("onnect") && !cause.contains("oidc/jwks"), "{cause}");
}

#[test]
fn accepts_the_first_new_token_after_a_rotation_without_grace_period() {
    let (old, server, verifier) = with_cached_key(&[]);
    let new = Key::rsa("new");
    server.publish_keys(&[&new, &old]);
    assert_accepts(&verifier, &new.token(), 1.0); // regardless of the time since the last regular fetch
    assert_accepts(&verifier, &old.token(), 1.0);
    server.assert_requests(2);
}

#[test]
fn looks_for_a_new_key_once_per_cooldown_while_the_server_returns_the_old_set() {
    let (old, server, verifier) = with_cached_key(&[]);
    let new = Key::p384("new");
    let issued_before = new.with_claims(&json!({ "iat": at(0.0).wall / 1000.0 - 60.0 }));
    for second in [1.0, 2.0, 10.9, 11.0, 12.0, 21.0, 30.0] {
        assert_rejects(&verifier, &issued_before, second, UnknownKey);
    }
    server.assert_requests(1 + 3);
    server.publish_keys(&[&new, &old]);
    assert_rejects(&verifier, &issued_before, 30.9, UnknownKey);
    assert_accepts(&verifier, &issued_before, 31.0);
}

#[test]
fn rejects_a_removed_key_from_the_next_refresh() {
    let (old, new) = (Key::p384("old"), Key::p384("new"));
    let server = KeyServer::with_keys(&[&old, &new]);
    let verifier = server.verifier(&[]);
    let token = old.token();
    assert_accepts(&verifier, &token, 0.0);
    server.publish_keys(&[&new]);
    assert_accepts(&verifier, &token, 240.0);
    wait_for_fetch(&verifier, 240.0, 240.0);
    assert_rejects(&verifier, &token, 241.0, UnknownKey);
    assert_accepts(&verifier, &new.token(), 241.0);
}

#[test]
fn ten_thousand_unknown_kids_cause_one_request_per_cooldown_and_evict_nothing() {
    let (key, server, verifier) = with_key(&[("tokenCacheSize", Raw::Number(0.0))]);
    let known = key.token();
    let template = Key::p384("made-up");
    let claims = json!({ "iat": at(0.0).wall / 1000.0 - 60.0 });
    let flood: Vec<String> =
        (0..100).map(|n| template.token_with(&json!({ "kid": format!("made-up-{n}") }), &claims)).collect();
    assert_accepts(&verifier, &known, 0.0);
    for round in 0..100 {
        let second = 1.0 + f64::from(round);
        for token in &flood {
            assert_rejects(&verifier, token, second, UnknownKey);
        }
        assert_accepts(&verifier, &known, second);
    }
    server.assert_requests(1 + 10);
}

#[test]
fn concurrent_unknown_kids_share_one_request() {
    let (key, server, verifier) = with_cached_key(&[]);
    let gate = server.delay_requests();
    let template = Key::p384("made-up");
    let calls: Vec<_> = (0..200)
        .map(|n| {
            let token = template.with_header(&json!({ "kid": format!("made-up-{n}") }));
            start_verification(&verifier, token, at(1.0))
        })
        .collect();
    until(|| server.requests() == 2);
    assert_accepts(&verifier, &key.token(), 1.0); // tokens with known keys do not wait
    gate.open();
    for call in calls {
        assert_eq!(wait(call).unwrap().unwrap_err().code, UnknownKey);
    }
    server.assert_requests(2);
}

#[test]
fn unknown_kids_are_unavailable_during_an_outage_while_known_keys_verify() {
    let (key, server, verifier) = with_cached_key(&[]);
    server.respond(Response::Closed);
    let unknown = Key::p384("made-up").token();
    for second in [1.0, 2.0, 10.9] {
        assert_rejects(&verifier, &unknown, second, JwksUnavailable);
        assert_accepts(&verifier, &key.token(), second);
    }
    server.assert_requests(2);
    server.publish_keys(&[&key]);
    assert_rejects(&verifier, &unknown, 12.0, UnknownKey);
    server.assert_requests(3);
}

#[test]
fn a_kid_whose_key_has_another_algorithm_causes_no_request() {
    let (_, server, verifier) = with_cached_key(&[]);
    assert_rejects(&verifier, &Key::p256("k").token(), 1.0, UnknownKey);
    server.assert_requests(1);
}

#[test]
fn revalidates_an_unchanged_set_with_its_etag() {
    let key = Key::p384("k");
    let server = KeyServer::start(Response::Keys(support::jwks(&[&key]), Some("\"v1\"")));
    let verifier = server.verifier(&[]);
    assert_accepts(&verifier, &key.token(), 0.0);
    assert!(!server.last_head().contains("if-none-match"));
    assert_accepts(&verifier, &key.token(), 300.0);
    assert!(server.last_head().contains("if-none-match: \"v1\"\r\n"), "{}", server.last_head());
    let stats = verifier.key_stats(at(300.0));
    assert_eq!((stats.state, stats.fetches, stats.failures), ("fresh", 2, 0));
    assert_eq!(stats.fetched_at, Some(at(300.0).wall));
    assert_accepts(&verifier, &key.token(), 539.0);
    server.assert_requests(2);
}

#[test]
fn replaces_a_set_whose_etag_has_changed() {
    let (old, new) = (Key::p384("old"), Key::p384("new"));
    let server = KeyServer::start(Response::Keys(support::jwks(&[&old]), Some("\"v1\"")));
    let verifier = server.verifier(&[]);
    assert_accepts(&verifier, &old.token(), 0.0);
    server.respond(Response::Keys(support::jwks(&[&new]), Some("\"v2\"")));
    assert_accepts(&verifier, &new.token(), 300.0);
    assert_accepts(&verifier, &new.token(), 600.0);
    assert!(server.last_head().contains("if-none-match: \"v2\"\r\n"), "{}", server.last_head());
}

#[test]
fn an_unrequested_304_is_an_outage() {
    let server = KeyServer::start(Response::status("304 Not Modified", "", ""));
    let rejection = assert_rejects(&server.verifier(&[]), &Key::p384("k").token(), 0.0, JwksUnavailable);
    assert_eq!(rejection.cause.as_deref(), Some("the JWKS URL responded with 304"));
}

/// Responses that count as an outage, each with part of the message for operators.
fn bad_responses(elsewhere: &KeyServer) -> Vec<(&'static str, Response)> {
    let key = Key::p384("k").jwk();
    let location = format!("Location: {}\r\n", elsewhere.jwks_uri());
    let many: Vec<_> = (0..10_000).map(|n| json!({ "kty": "EC", "crv": "P-384", "kid": format!("{n}") })).collect();
    let symmetric = json!({ "keys": [{ "kty": "oct", "kid": "k", "k": "AAAA" }] }).to_string();
    let truncated = format!("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{}", json!({ "keys": [key] }));
    let one = json!({ "keys": [key] }).to_string();
    vec![
        ("the JWKS URL responded with 500", Response::status("500 Internal Server Error", "", "{}")),
        ("the JWKS URL responded with 404", Response::status("404 Not Found", "", &one)),
        ("the JWKS URL responded with 204", Response::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())),
        ("the JWKS URL responded with 302", Response::status("302 Found", &location, "")),
        ("the JWKS URL responded with 308", Response::status("308 Permanent Redirect", &location, &one)),
        ("the response is not JSON", Response::ok("<!doctype html><title>Sign in</title>")),
        ("the response is not JSON", Response::ok("")),
        ("the response is not JSON", Response::ok(&one[..one.len() - 1])),
        ("not a JWK Set", Response::ok("{}")),
        ("not a JWK Set", Response::ok(&key.to_string())),
        ("no usable key among 0", Response::ok("{\"keys\":[]}")),
        ("no usable key among 1", Response::ok(&symmetric)),
        ("the response is longer than 256 KiB", Response::ok(&json!({ "keys": many }).to_string())),
        ("10000 keys, more than 64", Response::ok(&json!({ "keys": vec![1; 10_000] }).to_string())),
        ("the response is longer than 256 KiB", Response::Endless { slowly: false }),
        ("", Response::Bytes(truncated.into())),
        ("", Response::Bytes(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec())),
        ("", Response::Closed),
        ("no complete response within the timeout", Response::Endless { slowly: true }),
    ]
}

#[test]
fn a_bad_first_response_is_an_outage_with_its_cause() {
    let elsewhere = KeyServer::with_keys(&[&Key::p384("k")]);
    for (cause, response) in bad_responses(&elsewhere) {
        let server = KeyServer::start(response);
        let verifier = server.verifier(&[("jwksTimeoutMs", Raw::Number(300.0))]);
        let rejection = assert_rejects(&verifier, &Key::p384("k").token(), 0.0, JwksUnavailable);
        let given = rejection.cause.unwrap();
        assert!(!given.is_empty() && given.contains(cause), "{given} instead of {cause}");
        // Error messages contain no URL except for the origin of a redirect's target.
        let origin = elsewhere.jwks_uri().replace("/oidc/jwks", "");
        let given = given.replace(&format!("a redirect to {origin},"), "");
        assert!(!given.contains("127.0.0.1") && !given.contains('\n'), "{given}");
        assert_eq!(verifier.key_stats(at(0.0)).state, "empty");
    }
    elsewhere.assert_requests(0); // redirects are not followed
}

#[test]
fn a_bad_later_response_evicts_no_key() {
    let elsewhere = KeyServer::with_keys(&[&Key::p384("k")]);
    for (cause, response) in bad_responses(&elsewhere) {
        let (key, server, verifier) = with_cached_key(&[]);
        server.respond(response);
        assert_accepts(&server.verifier(&[("jwksTimeoutMs", Raw::Number(300.0))]), &key.token(), 300.0);
        wait_for_failures(&verifier, 1);
        assert_accepts(&verifier, &key.token(), 305.0);
        let stats = verifier.key_stats(at(305.0));
        assert_eq!((stats.state, stats.keys, stats.failures), ("stale", 1, 1), "{cause}");
        server.publish_keys(&[&key]);
        assert_accepts(&verifier, &key.token(), 320.0);
        wait_for_fetch(&verifier, 320.0, 320.0);
        assert_eq!(verifier.key_stats(at(320.0)).state, "fresh", "{cause}");
    }
    elsewhere.assert_requests(0);
}

#[test]
fn a_hanging_server_delays_a_request_no_longer_than_the_timeout() {
    let (key, server, verifier) = with_key(&[("jwksTimeoutMs", Raw::Number(50.0))]);
    let _gate = server.delay_requests();
    let start = Instant::now();
    let rejection = assert_rejects(&verifier, &key.token(), 0.0, JwksUnavailable);
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert!((1..=10).contains(&rejection.retry_after.unwrap()));
}

#[test]
fn a_request_that_times_out_before_the_fetch_in_flight_reports_the_timeout() {
    let key = Key::p384("k");
    let server = KeyServer::with_keys(&[&key]);
    let _gate = server.delay_requests();
    let slow = Arc::new(server.verifier(&[("jwksTimeoutMs", Raw::Number(30_000.0))]));
    drop(start_verification(&slow, key.token(), at(0.0)));
    until(|| server.requests() == 1);
    let fast = server.verifier(&[("jwksTimeoutMs", Raw::Number(20.0))]);
    let rejection = assert_rejects(&fast, &key.token(), 1.0, JwksUnavailable);
    assert_eq!(rejection.cause.as_deref(), Some("no complete response within the timeout"));
    server.assert_requests(1);
}

#[test]
fn a_hanging_refresh_delays_no_request_while_the_set_is_fresh() {
    let (key, server, _) = with_cached_key(&[]);
    let _gate = server.delay_requests();
    let verifier = server.verifier(&[("jwksTimeoutMs", Raw::Number(50.0))]);
    assert_accepts(&verifier, &key.token(), 240.0);
    wait_for_failures(&verifier, 1);
    assert_accepts(&verifier, &key.token(), 245.0);
    server.assert_requests(2);
}

#[test]
fn fetches_immediately_after_the_cache_was_cleared() {
    let (old, server, verifier) = with_cached_key(&[]);
    let new = Key::p384("new");
    server.publish_keys(&[&new]);
    jwks::invalidate(&[server.jwks_uri()]);
    assert_rejects(&verifier, &old.token(), 1.0, UnknownKey);
    assert_accepts(&verifier, &new.token(), 1.0);
    server.assert_requests(2);
}

#[test]
fn clear_discards_the_response_in_flight_and_waiting_requests_use_the_next_one() {
    let (old, server, verifier) = with_key(&[]);
    let new = Key::p384("new");
    let gate = server.delay_requests();
    let waiting = start_verification(&verifier, new.token(), at(0.0));
    until(|| server.requests() == 1);
    server.publish_keys(&[&new]);
    server.release_new_requests();
    jwks::invalidate(&[server.jwks_uri()]);
    wait(waiting).unwrap().unwrap();
    gate.open();
    assert_rejects(&verifier, &old.token(), 0.0, UnknownKey);
    assert_accepts(&verifier, &new.token(), 0.0);
    let stats = verifier.key_stats(at(0.0));
    assert_eq!((stats.keys, stats.failures), (1, 0));
}

#[test]
fn looks_for_an_unknown_kid_again_if_the_cache_is_cleared_in_the_meantime() {
    let (_, server, verifier) = with_cached_key(&[]);
    let new = Key::p384("new");
    server.publish_keys(&[&new]);
    let _gate = server.delay_requests();
    let waiting = start_verification(&verifier, new.token(), at(1.0));
    until(|| server.requests() == 2);
    server.release_new_requests();
    jwks::invalidate(&[server.jwks_uri()]);
    wait(waiting).unwrap().unwrap();
}

#[test]
fn finds_a_key_that_is_fetched_for_another_request_between_the_lookup_and_the_decision() {
    let (_, server, verifier) = with_cached_key(&[]);
    let new = Key::p384("new");
    server.publish_keys(&[&new]);
    let set = RemoteJwkSet::shared_key_set(server.jwks_uri().as_str().into(), &[]);
    // `iat` is read after the lookup has failed and before the verifier decides whether to fetch.
    let issued_at = || {
        std::thread::scope(|scope| scope.spawn(|| assert_accepts(&verifier, &new.token(), 1.0)).join().unwrap());
        Some(at(1.0).wall / 1000.0)
    };
    let query = KeyQuery { kid: Some("new"), algorithm: Algorithm::Es384, issued_at: &issued_at };
    let policy = CachePolicy {
        ttl: Duration::from_secs(300),
        timeout: Duration::from_secs(5),
        cooldown: Duration::from_secs(10),
        max_stale: Duration::from_secs(3600),
    };
    wait(set.find_key(query, at(1.001), &policy, false)).unwrap();
    server.assert_requests(2);
}

#[test]
fn a_wait_for_keys_counts_toward_the_lag_of_revocations() {
    let policy = RevocationPolicy { lifetime: 3_600.0, max_lag: Some(Duration::from_millis(5)) };
    let revocations = Revocations::new(RevocationMirror::new(), policy);
    let (key, server, verifier) = with_key(&[("revocations", Raw::String(revocations.id.clone()))]);
    let gate = server.delay_requests();
    let arrival = Timestamp::now();
    revocations.mirror.mark_read_complete(arrival, Duration::ZERO);
    let waiting = start_verification(&verifier, key.token(), arrival);
    until(|| Timestamp::now().duration_since(arrival) > Duration::from_millis(5));
    gate.open();
    assert_eq!(wait(waiting).unwrap().unwrap_err().code, RevocationsUnavailable);
    let now = Timestamp::now();
    revocations.mirror.mark_read_complete(now, Duration::ZERO);
    wait(verifier.verify(&key.token(), now)).unwrap();
}

#[test]
fn waits_no_longer_than_its_timeout_even_if_another_request_allows_the_fetch_more_time() {
    let timeout = |milliseconds| [("jwksTimeoutMs", Raw::Number(milliseconds))];
    let (key, server, verifier) = with_key(&timeout(1_000.0));
    let patient = Arc::new(server.verifier(&timeout(60_000.0)));
    server.respond(Response::Closed);
    for second in [0.0, 10.0, 20.0] {
        assert_rejects(&verifier, &key.token(), second, JwksUnavailable);
    }
    // After three failures, the pause before the next HTTP request is as long as the timeout.
    server.publish_keys(&[&key]);
    let gate = server.delay_requests();
    let waiting = start_verification(&verifier, key.token(), at(20.0));
    let sent = server.requests();
    until(|| server.requests() > sent);
    let joined = start_verification(&patient, key.token(), at(21.0));
    until(|| waiting.is_finished());
    gate.open();
    assert_eq!(wait(waiting).unwrap().unwrap_err().code, JwksUnavailable);
    wait(joined).unwrap().unwrap();
}

#[test]
fn clearing_one_url_does_not_affect_others() {
    let key = Key::p384("k");
    let (one, other) = (KeyServer::with_keys(&[&key]), KeyServer::with_keys(&[&key]));
    let verifiers = [one.verifier(&[]), other.verifier(&[])];
    for verifier in &verifiers {
        assert_accepts(verifier, &key.token(), 0.0);
    }
    jwks::invalidate(&[one.jwks_uri()]);
    for verifier in &verifiers {
        assert_accepts(verifier, &key.token(), 1.0);
    }
    one.assert_requests(2);
    other.assert_requests(1);
}

#[test]
fn fetches_for_every_verification_with_a_ttl_of_0_but_uses_stale_keys_during_an_outage() {
    let (key, server, verifier) = with_key(&[("jwksCacheTtlMs", Raw::Number(0.0))]);
    let token = key.token();
    for second in 0..5 {
        assert_accepts(&verifier, &token, f64::from(second)); // even if the token is cached
    }
    server.assert_requests(5);
    server.respond(Response::Closed);
    assert_accepts(&verifier, &token, 5.0);
    assert_accepts(&verifier, &token, 6.0);
    server.assert_requests(6);
}

#[test]
fn fetches_for_every_verification_without_a_cache_and_fails_immediately_in_an_outage() {
    let (key, server, verifier) = with_key(&[("skipJwksCache", Raw::Bool(true))]);
    let token = key.token();
    assert_accepts(&verifier, &token, 0.0);
    assert_accepts(&verifier, &token, 0.0);
    server.respond(Response::Closed);
    assert_rejects(&verifier, &token, 0.0, JwksUnavailable);
    server.publish_keys(&[&key]);
    assert_accepts(&verifier, &token, 0.0);
    server.assert_requests(5); // the lost connection was retried once
}

#[test]
fn uses_a_prefetched_set_for_the_first_token() {
    let (key, server, verifier) = with_key(&[]);
    wait(verifier.prefetch(at(0.0))).unwrap();
    server.assert_requests(1);
    assert_accepts(&verifier, &key.token(), 1.0);
    wait(verifier.prefetch(at(1.0))).unwrap();
    server.assert_requests(1);
}

#[test]
fn reports_a_failed_prefetch() {
    let server = KeyServer::start(Response::Closed);
    assert_eq!(wait(server.verifier(&[]).prefetch(at(0.0))).unwrap_err().code, JwksUnavailable);
}

#[test]
fn current_date_does_not_affect_the_age_of_keys() {
    let key = Key::p384("k");
    let server = KeyServer::with_keys(&[&key]);
    let token = key.token();
    let past = server.verifier(&[("currentDate", Raw::Date(at(0.0).wall))]);
    assert_accepts(&past, &token, 0.0);
    assert_accepts(&past, &token, 2e6); // expired according to the clock, but not on that date
    server.assert_requests(2);
    let future = server.verifier(&[("currentDate", Raw::Date(at(2e6).wall))]);
    assert_rejects(&future, &token, 2e6 + 1.0, TokenExpired);
    server.assert_requests(2);
}

#[test]
fn sends_no_request_for_a_token_that_fails_before_its_key_is_needed() {
    let (key, server, verifier) = with_key(&[]);
    for token in [
        "opaque".to_owned(),
        "a.b.c".to_owned(),
        key.with_header(&json!({ "alg": "none" })),
        key.with_header(&json!({ "alg": "HS256" })),
        key.with_header(&json!({ "typ": "JWT" })),
        key.with_header(&json!({ "crit": ["exp"] })),
        "x".repeat(20_000),
    ] {
        assert!(verify(&verifier, &token, 0.0).is_err());
    }
    server.assert_requests(0);
}

#[test]
fn sends_no_request_to_urls_in_a_token() {
    let (key, evil) = (Key::p384("k"), Key::p384("evil"));
    let (server, attacker) = (KeyServer::with_keys(&[&key]), KeyServer::with_keys(&[&evil]));
    let verifier = server.verifier(&[]);
    let header = json!({ "jku": attacker.jwks_uri(), "x5u": attacker.jwks_uri(), "jwk": evil.jwk(), "x5c": ["AAAA"] });
    let issuer = json!({ "iss": attacker.jwks_uri().trim_end_matches("/jwks") });
    assert_rejects(&verifier, &evil.token_with(&header, &issuer), 0.0, UnknownKey);
    assert_accepts(&verifier, &key.with_header(&header), 0.0);
    attacker.assert_requests(0);
}

#[test]
fn a6_a_token_that_expires_while_the_request_waits_is_rejected() {
    let (key, server, verifier) = with_key(&[("tokenCacheSize", Raw::Number(0.0))]);
    let gate = server.delay_requests();
    // The requests arrived ten seconds ago, and the tokens have expired since.
    let arrival = seconds_ago(10);
    let token = |exp: f64| key.with_claims(&json!({ "exp": exp }));
    let verify = |n: u32| {
        let expired = token(arrival.wall / 1000.0 + 0.01 + 9.98 * f64::from(n) / 1000.0);
        start_verification(&verifier, expired, arrival)
    };
    let waiting_for_keys: Vec<_> = (0..1_000).map(verify).collect();
    until(|| server.requests() == 1);
    gate.open();
    let waiting_for_a_thread = (0..1_000).map(verify);
    for call in waiting_for_keys.into_iter().chain(waiting_for_a_thread) {
        assert_eq!(wait(call).unwrap().unwrap_err().code, TokenExpired);
    }
    let valid = token(arrival.wall / 1000.0 + 3_600.0);
    assert!(wait(verifier.verify(&valid, arrival)).is_ok());
}

#[test]
fn a6_a_previously_verified_token_that_expires_while_keys_are_fetched_is_rejected() {
    let key = Key::p256("k");
    let server = KeyServer::with_keys(&[&key]);
    let options = [("jwksCacheTtlMs", Raw::Number(1_000.0)), ("jwksMaxStaleMs", Raw::Number(0.0))];
    let verifier = Arc::new(server.verifier(&options));
    let token = key.with_claims(&json!({ "exp": seconds_ago(90).wall / 1000.0 }));
    // The caller's clock is behind, so the token is valid when the requests arrive.
    let request = |caller_date: Timestamp| Credentials {
        token: Some(token.clone()),
        date: Some(caller_date.wall),
        ..Credentials::default()
    };
    wait(verifier.verify_request(&request(seconds_ago(200)), seconds_ago(40))).unwrap();
    let gate = server.delay_requests();
    let calls: Vec<_> = (0..1_000)
        .map(|_| {
            let (verifier, request) = (verifier.clone(), request(seconds_ago(100)));
            let arrival = seconds_ago(20);
            spawn(async move { verifier.verify_request(&request, arrival).await.map(drop).map_err(|error| error.code) })
                .unwrap()
        })
        .collect();
    until(|| server.requests() == 2);
    // The runtime has one thread, so all calls are waiting once this task has run.
    wait(spawn(async {}).unwrap()).unwrap();
    gate.open();
    for call in calls {
        assert_eq!(wait(call).unwrap(), Err(TokenExpired));
    }
}

/// A time in the real past, unlike the simulated times that `at` returns.
fn seconds_ago(seconds: u32) -> Timestamp {
    let now = Timestamp::now();
    Timestamp {
        monotonic: now.monotonic.checked_sub(Duration::from_secs(seconds.into())).unwrap(),
        wall: now.wall - 1000.0 * f64::from(seconds),
    }
}

#[test]
fn a6_a_previously_verified_token_that_expires_while_another_token_of_the_request_waits_is_rejected() {
    let (key, server, verifier) = with_key(&[]);
    let token = key.with_claims(&json!({ "exp": seconds_ago(90).wall / 1000.0 }));
    let request = |date: Timestamp, cookies: Option<String>| Credentials {
        authorization: vec![format!("Bearer {token}")],
        cookies,
        date: Some(date.wall),
        ..Credentials::default()
    };
    // The caller's clock is behind, so the token is valid when the requests arrive.
    let unknown = format!("logto_authtoken={}", Key::p384("unknown").token());
    wait(verifier.verify_request(&request(seconds_ago(200), None), seconds_ago(40))).unwrap();
    let outcome = wait(verifier.verify_request(&request(seconds_ago(100), Some(unknown)), seconds_ago(20)));
    assert_eq!(outcome.unwrap_err().code, UnknownKey);
    server.assert_requests(2);
}
