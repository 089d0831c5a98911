//! Fuzzes the payload: every check of its claims, the context, and the checks that `protect` performs on that context.
#![no_main]

use harness::{AUDIENCE, ISSUER, NOW};
use libfuzzer_sys::fuzz_target;
use logto_authkit::claims::Claims;
use logto_authkit::context;
use logto_authkit::requirements::{Organization, Requirements};
use serde_json::Value;
use serde_json::value::RawValue;

fuzz_target!(|payload: &[u8]| {
    let Ok(claims) = Claims::parse(payload) else { return };
    assert!(claims.byte_size() >= 2 * payload.len());
    let issuer = claims.check_issuer(&[ISSUER.into()]).is_ok();
    let audience = claims.check_audience(Some(&[AUDIENCE.into()])).is_ok();
    let expiry = claims.check_expiry(NOW, 0.0).is_ok();
    let active = claims.check_not_before(NOW, 0.0).is_ok();
    let Ok(subject) = claims.check_types() else { return };
    let requirements = Requirements {
        scopes: vec!["read:orders".into()],
        roles: vec!["admin".into()],
        role_claims: vec!["roles".into(), "role".into()],
        organization: Organization::None,
        ..Requirements::default()
    };
    let verdict = requirements.check(&subject, None).map_err(|rejection| rejection.code);

    let text = context::authenticated_context(&subject);
    serde_json::from_str::<&RawValue>(&text).expect("a context is JSON");
    let again = context::check(&text, |subject| requirements.check(subject, None)).map_err(|rejection| rejection.code);
    assert_eq!(verdict, again);

    // Compare with another parser, which rejects numbers outside the range of f64.
    let Ok(json) = serde_json::from_slice::<Value>(payload) else { return };
    let context: Value = serde_json::from_str(&text).expect("a context is JSON");
    assert_eq!(context["payload"], json);
    assert_eq!(issuer, json["iss"] == ISSUER);
    assert!(!audience || claim_contains(&json["aud"], AUDIENCE));
    assert!(!expiry || json["exp"].as_f64().is_some_and(|exp| exp > NOW));
    assert!(!active || json.get("nbf").is_none_or(|nbf| nbf.as_f64().is_some_and(|nbf| nbf <= NOW)));
    assert_eq!(json["sub"], subject.user);
    let scopes = json["scope"].as_str().unwrap_or_default();
    assert!(verdict.is_err() || scopes.split(' ').any(|scope| scope == "read:orders"));
    assert!(verdict.is_err() || claim_contains(&json["roles"], "admin") || claim_contains(&json["role"], "admin"));
});

fn claim_contains(claim: &Value, wanted: &str) -> bool {
    claim == wanted || claim.as_array().is_some_and(|items| items.iter().any(|item| item == wanted))
}
