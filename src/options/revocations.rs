//! The options of `createRevocations`, and the arguments of the functions that revoke tokens.

use std::sync::Arc;

use super::raw::{OptionError, Raw};
use super::reader::{DefaultValue, Reader};
use super::values::{identifier, one_of};
use crate::claims::MAX_NUMERIC_DATE;
use crate::revocations::{
    Entry, MAX_ENTRY_SECONDS_IN_FUTURE, RevocationKind, RevocationPolicy, Revocations, is_entry_id,
};

/// Reads a verifier's `revocations` option. The option contains a JavaScript object, but JavaScript passes only its id.
pub(super) fn read(read: &mut Reader) -> Option<Arc<Revocations>> {
    read.restriction("revocations", "an object from createRevocations", DefaultValue::None, |raw| {
        if let Raw::String(id) = raw { Revocations::find(id) } else { None }
    })
}

/// Reads the options of `createRevocations`.
pub(super) fn read_revocations_options(read: &mut Reader) -> RevocationPolicy {
    const UNAVAILABILITY_POLICIES: [(&str, bool); 2] = [("accept", false), ("refuse", true)];
    let expected = "a store from memoryStore() or redisStore(), or an object with the functions append and read";
    // JavaScript checks that the store has the required functions.
    read.optional("store", expected, DefaultValue::Derived("memoryStore()"), |raw| {
        matches!(raw, Raw::Object(_)).then_some(())
    });
    let default = DefaultValue::Value(86_400.into());
    let lifetime = read.optional("maxTokenLifetime", "a number of seconds from 60 to 31,536,000", default, |raw| {
        if let Raw::Number(seconds) = raw {
            Some(*seconds).filter(|seconds| (60.0..=31_536_000.0).contains(seconds))
        } else {
            None
        }
    });
    let default = DefaultValue::Value("accept".into());
    let refuses =
        read.optional("whenUnavailable", "'accept' or 'refuse'", default, |raw| one_of(raw, &UNAVAILABILITY_POLICIES));
    let max_lag =
        read.milliseconds_from("maxLagMs", "a finite number of milliseconds, at least 2,000", 30_000, 2_000.0);
    RevocationPolicy { lifetime: lifetime.unwrap_or(86_400.0), max_lag: (refuses == Some(true)).then_some(max_lag) }
}

/// Reads the options of `redisStore`.
pub(super) fn read_redis_store_options(read: &mut Reader) {
    read.with_default("prefix", "a non-empty string without white space", "logto-authkit".to_owned(), identifier);
}

/// Reads the options of `revokeClient`, `revokeOrganization` and `revokeAll`. Returns the time of the revocation as
/// Unix time in milliseconds.
pub(super) fn read_revoke_options(read: &mut Reader, now: f64) -> f64 {
    let expected = "a valid Date that is at most an hour in the future";
    let time = read.optional("before", expected, DefaultValue::Derived("now"), |raw| match raw {
        Raw::Date(time) if *time >= 0.0 && *time <= now + MAX_ENTRY_SECONDS_IN_FUTURE * 1_000.0 => Some(*time),
        _ => None,
    });
    time.unwrap_or(now)
}

/// Reads the options of `revokeSubject`.
pub(super) fn read_revoke_subject_options(read: &mut Reader, now: f64) -> (f64, Option<String>) {
    let time = read_revoke_options(read, now);
    let expected = "an organization's id";
    let organization = read.restriction("organizationId", expected, DefaultValue::None, |raw| {
        identifier(raw).filter(|id| is_entry_id(id))
    });
    (time, organization)
}

/// Reads the members of the object passed to `revokeToken`.
fn read_revoked_token(read: &mut Reader, now: f64, lifetime: f64) -> (Option<String>, f64) {
    const JTI_EXPECTATION: &str = "the jti claim of a token";
    let id = read.optional("jti", JTI_EXPECTATION, DefaultValue::Derived("required"), entry_id);
    if id.is_none() {
        read.reject("jti", JTI_EXPECTATION, &Raw::Undefined);
    }
    let expires = read.optional("exp", "the exp claim of a token, in seconds", DefaultValue::None, |raw| match raw {
        Raw::Number(seconds) if (0.0..=MAX_NUMERIC_DATE).contains(seconds) => Some(*seconds),
        _ => None,
    });
    // A revocation is dropped once `lifetime` has passed since its time. If the token expires later, its revocation
    // therefore gets a later time.
    (id, expires.map_or(now, |expires| now.max((expires - lifetime) * 1_000.0)))
}

fn entry_id(raw: &Raw) -> Option<String> {
    if let Raw::String(id) = raw { Some(id.clone()).filter(|id| is_entry_id(id)) } else { None }
}

/// Parses the arguments of a function that revokes tokens. `now` is the current Unix time in milliseconds, and
/// `lifetime` is the maximum token lifetime in seconds.
///
/// # Errors
///
/// Reports the first invalid argument or option.
pub fn entry(kind: RevocationKind, id: &Raw, options: Raw, now: f64, lifetime: f64) -> Result<Entry, OptionError> {
    let members = match options {
        Raw::Object(members) => members,
        Raw::Undefined => Vec::new(),
        other => return Err(OptionError::not_an_object(&other)),
    };
    let mut reader = Reader::new("", members);
    let (kind, id, organization, time) = match kind {
        RevocationKind::Subject | RevocationKind::Member => {
            let (time, organization) = read_revoke_subject_options(&mut reader, now);
            let kind = if organization.is_some() { RevocationKind::Member } else { RevocationKind::Subject };
            (kind, validate_id(&mut reader, "userId", id), organization, time)
        }
        RevocationKind::Token => {
            let (id, time) = read_revoked_token(&mut reader, now, lifetime);
            (kind, id, None, time)
        }
        RevocationKind::All => (kind, None, None, read_revoke_options(&mut reader, now)),
        RevocationKind::Client => {
            (kind, validate_id(&mut reader, "clientId", id), None, read_revoke_options(&mut reader, now))
        }
        RevocationKind::Organization => {
            (kind, validate_id(&mut reader, "organizationId", id), None, read_revoke_options(&mut reader, now))
        }
        RevocationKind::Session => (kind, validate_id(&mut reader, "sid", id), None, now),
        RevocationKind::Grant => (kind, validate_id(&mut reader, "grantId", id), None, now),
    };
    reader.finish()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates in 2106")]
    let before = (time / 1_000.0) as u32;
    Ok(Entry { kind, id: id.unwrap_or_default(), organization: organization.unwrap_or_default(), before })
}

fn validate_id(read: &mut Reader, name: &str, id: &Raw) -> Option<String> {
    let parsed_id = entry_id(id);
    if parsed_id.is_none() {
        read.reject(name, "a string of 1 to 1,024 bytes", id);
    }
    parsed_id
}

/// Parses the options of `createRevocations`.
///
/// # Errors
///
/// Reports the first invalid or unknown option.
pub fn policy(options: Raw) -> Result<RevocationPolicy, OptionError> {
    let members = match options {
        Raw::Object(members) => members,
        Raw::Undefined => Vec::new(),
        other => return Err(OptionError::not_an_object(&other)),
    };
    let mut reader = Reader::new("", members);
    let policy = read_revocations_options(&mut reader);
    reader.finish()?;
    Ok(policy)
}
