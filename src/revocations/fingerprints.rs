//! The token properties that revocation entries are matched against, as fingerprints computed once per token.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use once_cell::sync::Lazy;

use super::entry::RevocationKind;
use crate::claims::Subject;
use crate::json::Object;

/// A 128-bit hash of a token property, such as the `sub` claim. The two `SipHash` keys are random in each process, so
/// that nobody can construct two properties with the same fingerprint. With a million revocations, a valid token is
/// rejected by accident with a probability of 2^-105. The fingerprint is an array of four words, because the alignment
/// of a `u128` would add 12 bytes per revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint(pub [u32; 4]);

impl Fingerprint {
    /// The fingerprint of a token property, such as the `sub` claim for [`RevocationKind::Subject`]. `id` is the value
    /// of the token property. `organization` is empty unless the kind is [`RevocationKind::Member`].
    pub fn new(kind: RevocationKind, id: &str, organization: &str) -> Self {
        /// All tables hash with the same two `SipHash` keys, so that a token's fingerprints can be looked up in the
        /// table of any verifier.
        static SIPHASH_KEYS: Lazy<[RandomState; 2]> = Lazy::new(|| [RandomState::new(), RandomState::new()]);
        let [low, high] = SIPHASH_KEYS.each_ref().map(|key| key.hash_one((kind, id, organization)));
        #[expect(clippy::cast_possible_truncation, reason = "splits the hashes into words")]
        Self([low as u32, (low >> 32) as u32, high as u32, (high >> 32) as u32])
    }
}

/// The token properties that revocation entries are matched against.
#[derive(Debug)]
pub(super) struct TokenProperties {
    /// The `iat` claim, rounded down to seconds. Revocations cover a token without `iat`, because nothing shows that
    /// the token is newer than a revocation.
    pub issued_at: Option<f64>,
    pub fingerprints: Box<[(RevocationKind, Fingerprint)]>,
    /// Whether the token names its session (`sid`).
    pub has_session: bool,
}

impl TokenProperties {
    pub fn from_subject(subject: &Subject) -> Self {
        // The payload has already been parsed once, so parsing cannot fail.
        let payload = Object::parse(subject.payload.as_bytes(), usize::MAX).ok();
        let text = |name| payload.as_ref()?.get_as::<String>(name).unwrap_or_default();
        let (session, grant, token) = (text("sid"), text("grant_id"), text("jti"));
        let issued_at = payload.as_ref().and_then(|payload| payload.get_as::<f64>("iat").unwrap_or(None));
        let mut fingerprints =
            vec![(RevocationKind::Subject, Fingerprint::new(RevocationKind::Subject, subject.user, ""))];
        for organization in &subject.organizations {
            fingerprints
                .push((RevocationKind::Member, Fingerprint::new(RevocationKind::Member, subject.user, organization)));
            fingerprints
                .push((RevocationKind::Organization, Fingerprint::new(RevocationKind::Organization, organization, "")));
        }
        for (kind, id) in [
            (RevocationKind::Client, subject.client),
            (RevocationKind::Session, session.as_deref()),
            (RevocationKind::Grant, grant.as_deref()),
            (RevocationKind::Token, token.as_deref()),
        ] {
            fingerprints.extend(id.map(|id| (kind, Fingerprint::new(kind, id, ""))));
        }
        Self { issued_at: issued_at.map(f64::floor), fingerprints: fingerprints.into(), has_session: session.is_some() }
    }
}

/// The token properties that revocations are matched against, and the result of the token's last revocation check.
#[derive(Debug, Default)]
pub struct RevocationState {
    properties: OnceLock<TokenProperties>,
    /// The version of the revocation table at the last check that found no revocation of the token, or 0 if there was
    /// no such check. Table versions are unique within the process.
    passed_version: AtomicU64,
}

impl RevocationState {
    /// The approximate size of this state in bytes, which counts toward the token cache's size limit.
    pub const ESTIMATED_MEMORY_BYTES: usize = size_of::<Self>() + 6 * size_of::<(RevocationKind, Fingerprint)>();

    /// The token properties that revocations are matched against, computed on first use.
    pub(super) fn properties(&self, subject: &Subject) -> &TokenProperties {
        self.properties.get_or_init(|| TokenProperties::from_subject(subject))
    }

    /// Whether the token has already passed the check against this version of the revocation table. A token never
    /// changes, so checking it against the same version of the revocation table again would give the same result.
    pub(super) fn has_passed_check(&self, version: u64) -> bool {
        self.passed_version.load(Ordering::Relaxed) == version
    }

    pub(super) fn record_passed_check(&self, version: u64) {
        self.passed_version.store(version, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::json;

    use super::*;
    use crate::claims::tests::{NO_CLAIM, claims};

    fn properties(members: serde_json::Value) -> TokenProperties {
        TokenProperties::from_subject(&claims(members).check_types().unwrap())
    }

    fn kinds(properties: &TokenProperties) -> Vec<RevocationKind> {
        properties.fingerprints.iter().map(|(kind, _)| *kind).collect()
    }

    #[test]
    fn a_token_has_the_properties_that_its_claims_name() {
        let plain_token = properties(json!({}));
        assert_eq!(kinds(&plain_token), [RevocationKind::Subject, RevocationKind::Client, RevocationKind::Token]);
        assert!(!plain_token.has_session);
        let full_token = properties(json!({ "organization_id": "o", "sid": "s", "grant_id": "g" }));
        assert_eq!(
            kinds(&full_token),
            [
                RevocationKind::Subject,
                RevocationKind::Member,
                RevocationKind::Organization,
                RevocationKind::Client,
                RevocationKind::Session,
                RevocationKind::Grant,
                RevocationKind::Token
            ]
        );
        assert!(full_token.has_session);
    }

    #[test]
    fn an_organization_token_has_the_organization_of_its_audience() {
        let token = properties(json!({ "aud": ["urn:logto:organization:a", "urn:logto:organization:b", "x"] }));
        assert_eq!(kinds(&token).iter().filter(|kind| **kind == RevocationKind::Member).count(), 2);
        let expected = Fingerprint::new(RevocationKind::Organization, "b", "");
        assert!(token.fingerprints.contains(&(RevocationKind::Organization, expected)));
    }

    #[test]
    fn ignores_custom_claims_of_other_types() {
        let token = properties(json!({ "sid": 5, "grant_id": ["g"], "jti": null, "client_id": NO_CLAIM }));
        assert_eq!(kinds(&token), [RevocationKind::Subject]);
    }

    #[test]
    fn rounds_the_time_of_issue_down_to_seconds() {
        assert_eq!(properties(json!({ "iat": 7.9 })).issued_at, Some(7.0));
        assert_eq!(properties(json!({ "iat": NO_CLAIM })).issued_at, None);
    }

    #[test]
    fn fingerprints_differ_by_kind_id_and_organization() {
        let fingerprints = [
            Fingerprint::new(RevocationKind::Subject, "a", ""),
            Fingerprint::new(RevocationKind::Client, "a", ""),
            Fingerprint::new(RevocationKind::Member, "a", "b"),
            Fingerprint::new(RevocationKind::Member, "b", "a"),
            Fingerprint::new(RevocationKind::Member, "ab", ""),
            Fingerprint::new(RevocationKind::Member, "", "ab"),
        ];
        assert_eq!(
            fingerprints.map(|fingerprint| fingerprint.0).into_iter().collect::<HashSet<_>>().len(),
            fingerprints.len()
        );
        assert_eq!(Fingerprint::new(RevocationKind::Subject, "a", ""), fingerprints[0]);
    }
}
