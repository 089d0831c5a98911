//! Logout tokens, which report the end of a session (`OpenID` Connect Back-Channel Logout 1.0).

use std::collections::HashMap;
use std::sync::Mutex;

use crate::check::StopAtFirstFailure;
use crate::claims::{LOGOUT_EVENT, MAX_PAYLOAD_DEPTH};
use crate::clock::Timestamp;
use crate::error::{ErrorCode, Rejection};
use crate::json::Object;
use crate::lock::lock;
use crate::options::{LogoutMatch, LogoutOptions};
use crate::reason::Reason;
use crate::revocations::{Entry, RevocationKind, is_entry_id};
use crate::verify::Verifier;

/// Maximum age of a logout token, in seconds. Logto sends a logout token only once, at the time of the logout. Before
/// version 1.42, Logto did not limit the life of its logout tokens with an `exp` claim.
const MAX_AGE_SECONDS: f64 = 300.0;

/// How long a `jti` is remembered, in seconds. After this time, the logout token is older than [`MAX_AGE_SECONDS`],
/// even if its issuer's clock was a minute fast.
const JTI_RETENTION_SECONDS: f64 = MAX_AGE_SECONDS + 120.0;

/// Expired ids are removed whenever the number of remembered ids is a multiple of this constant.
const IDS_BETWEEN_PRUNINGS: usize = 256;

/// A valid logout token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedLogout {
    /// The revocation that the logout token requires.
    pub entry: Entry,
    /// The `jti` of the logout token.
    pub id: String,
}

/// Verifies logout tokens.
#[derive(Debug)]
pub struct LogoutVerifier {
    verifier: Verifier,
    logout_match: LogoutMatch,
    /// The ids of valid logout tokens, and the Unix time until which each is remembered. Outsiders cannot exhaust the
    /// memory, because only tokens signed by Logto add ids.
    remembered_jtis: Mutex<HashMap<String, f64>>,
}

impl LogoutVerifier {
    /// Creates a verifier for logout tokens with these options.
    #[must_use]
    pub fn new(options: LogoutOptions) -> Self {
        let LogoutOptions { verifier, logout_match } = options;
        Self { verifier: Verifier::new(verifier), logout_match, remembered_jtis: Mutex::default() }
    }

    /// Verifies a logout token (Back-Channel Logout section 2.6), which is accepted only once. `date` is the current
    /// Unix time in milliseconds, or `None` for the system time.
    ///
    /// # Errors
    ///
    /// The rejection from the first failed check.
    pub async fn verify(&self, token: &str, date: Option<f64>, now: Timestamp) -> Result<VerifiedLogout, Rejection> {
        let parsed = self.verifier.check_signed(token, now, false, &mut StopAtFirstFailure).await?;
        // `check_signed` stops at the first failed check, so it returns either that check's rejection or a token whose
        // signature has been verified.
        let Some(parsed) = parsed.filter(|parsed| parsed.verified_by.is_some()) else {
            return Err(ErrorCode::InvalidSignature.into());
        };
        let claims = &parsed.claims;
        let date = self.verifier.date(date, now, now.max(Timestamp::now()));
        let options = self.verifier.options();
        claims.check_issuer(&options.issuers)?;
        claims.check_audience(options.audiences.as_deref())?;
        let subject = claims.subject_without_malformed_claims();
        // The same payload has been parsed before, so parsing cannot fail here.
        let payload = Object::parse(subject.payload.as_bytes(), MAX_PAYLOAD_DEPTH)
            .map_err(|problem| Rejection::unreadable_part(Reason::InvalidPayload, problem))?;
        if payload.get("exp").is_some() {
            claims.check_expiry(date, options.tolerance)?;
        }
        claims.check_not_before(date, options.tolerance)?;
        claims.check_age(date, Some(MAX_AGE_SECONDS + options.tolerance))?;
        let issued_at = payload.get_as::<f64>("iat").ok().flatten().ok_or_else(|| invalid_claim("iat"))?;
        let entry = |kind, id| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "check_age has checked it")]
            Entry { kind, id, organization: String::new(), before: issued_at as u32 }
        };
        let events = payload.get_as::<Object>("events").ok().flatten().ok_or_else(|| invalid_claim("events"))?;
        events.get_as::<Object>(LOGOUT_EVENT).ok().flatten().ok_or_else(|| invalid_claim("events"))?;
        // Only ID tokens have a nonce (Back-Channel Logout section 2.6 step 7).
        if payload.get("nonce").is_some() {
            return Err(invalid_claim("nonce"));
        }
        let text = |name| match payload.get_as::<String>(name) {
            Ok(text) if text.as_deref().is_none_or(is_entry_id) => Ok(text),
            _ => Err(invalid_claim(name)),
        };
        let (sub, sid) = (text("sub")?, text("sid")?);
        let id = text("jti")?.ok_or_else(|| invalid_claim("jti"))?;
        let subject_entry = sub.map(|sub| entry(RevocationKind::Subject, sub));
        let session_entry = sid.map(|sid| entry(RevocationKind::Session, sid));
        let entry = match self.logout_match {
            LogoutMatch::Subject => subject_entry.or(session_entry),
            LogoutMatch::Session => session_entry.or(subject_entry),
        };
        let entry = entry.ok_or_else(|| invalid_claim("sub"))?;
        self.remember(&id, date + options.tolerance)?;
        Ok(VerifiedLogout { entry, id })
    }

    /// Allows a logout token to be accepted again, because its revocation was not stored.
    pub fn forget(&self, id: &str) {
        lock(&self.remembered_jtis).remove(id);
    }

    /// Remembers a logout token, or rejects it if it was used before (Back-Channel Logout section 2.6 step 8).
    fn remember(&self, id: &str, date: f64) -> Result<(), Rejection> {
        let mut remembered_jtis = lock(&self.remembered_jtis);
        if remembered_jtis.len().is_multiple_of(IDS_BETWEEN_PRUNINGS) {
            remembered_jtis.retain(|_, until| *until > date);
        }
        if remembered_jtis.get(id).is_some_and(|until| *until > date) {
            return Err(invalid_claim("jti").detail("reason", "replayed"));
        }
        remembered_jtis.insert(id.to_owned(), date + JTI_RETENTION_SECONDS);
        Ok(())
    }
}

/// The description of a rejection, for the response (Back-Channel Logout section 2.8).
#[must_use]
pub fn description(rejection: &Rejection) -> String {
    let is_replayed = rejection.details.get("reason").is_some_and(|reason| reason == "replayed");
    match rejection.code {
        ErrorCode::InvalidTokenType | ErrorCode::OpaqueToken => "Token is not a logout token".into(),
        // The `aud` claim of a logout token is an application id, not the `audience` option (Back-Channel Logout
        // section 2.6).
        ErrorCode::InvalidAudience => "Token was issued for another application".into(),
        ErrorCode::InvalidClaims if is_replayed => "Token has been received before".into(),
        _ => rejection.message(),
    }
}

fn invalid_claim(claim: &str) -> Rejection {
    Rejection { subject: Some(claim.into()), ..ErrorCode::InvalidClaims.into() }
}
