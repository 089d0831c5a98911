//! The pipeline, which performs every check of a token in a fixed order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::check::{Check, StopAtFirstFailure, Verdicts};
use crate::claims::{Claims, unverified_issue_time};
use crate::clock::Timestamp;
use crate::error::{ErrorCode, Rejection, ensure};
use crate::jwks::keys::Key;
use crate::jwks::remote::KeyQuery;
use crate::jwks::state::KeySetStats;
use crate::jwks::waiting::KeyWait;
use crate::options::{KeySource, Options};
use crate::reason::Reason;
use crate::requirements::Organization;
use crate::revocations::RevocationState;
use crate::signature::{Algorithm, Digest};
use crate::source::{self, Credentials};
use crate::threads;
use crate::token::{Header, MAX_TOKEN_BYTES, Token, check_size};
use crate::token_cache::{TokenCache, VerifiedToken};
use crate::verifier_keys::VerifierKeys;
use crate::warnings::WarnedCodes;

/// Verifies tokens with the configured options, keys and token cache.
#[derive(Debug)]
pub struct Verifier {
    options: Options,
    keys: VerifierKeys,
    tokens: Arc<TokenCache>,
    hits: AtomicU64,
    misses: AtomicU64,
    /// The error codes that the verifier has already warned about.
    pub warned_codes: WarnedCodes,
}

/// A token that has passed every check.
#[derive(Clone, Debug)]
pub struct AcceptedToken {
    /// The accepted token.
    pub token: Arc<VerifiedToken>,
    /// Whether the token was in the cache, so that its signature did not have to be verified again.
    pub was_cached: bool,
    /// The zero-based position of the token among the request's tokens.
    pub position: usize,
}

/// A token whose payload has been parsed.
pub(crate) struct ParsedToken {
    header: Header,
    /// The key that verified the signature, or `None` if the signature has not been verified.
    pub(crate) verified_by: Option<Arc<Key>>,
    pub(crate) claims: Claims,
}

impl Verifier {
    /// Creates a verifier with these options.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let keys = VerifierKeys::new(&options.keys);
        let tokens = match &options.keys {
            KeySource::Url { source, .. } => TokenCache::shared(source, options.token_cache_size),
            KeySource::Static(_) | KeySource::None => Arc::new(TokenCache::new(options.token_cache_size)),
        };
        Self { options, keys, tokens, hits: 0.into(), misses: 0.into(), warned_codes: WarnedCodes::default() }
    }

    /// The options of the verifier.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Verifies the token of a request. If the first token is rejected with status 401 and another source also contains
    /// a token, the other token is verified. If neither token is accepted, the first token's error is returned.
    ///
    /// # Errors
    ///
    /// The reason for rejecting the request.
    pub async fn verify_request(&self, request: &Credentials, now: Timestamp) -> Result<AcceptedToken, Rejection> {
        let mut first_rejection: Option<Rejection> = None;
        for (position, token) in source::tokens(request, &self.options)?.into_iter().enumerate() {
            let rejected = request.rejected.iter().find(|(rejected, _)| *rejected == position);
            let unaccepted_issuer = || request.checks_issuer_first.then(|| self.unaccepted_issuer(token)).flatten();
            let outcome = match rejected.map(|(_, rejection)| rejection.clone()).or_else(unaccepted_issuer) {
                Some(rejection) => Err(rejection),
                None => self.verify_token(token, position, request.organization.as_ref(), request.date, now).await,
            };
            match outcome {
                Ok(accepted) => return Ok(accepted),
                Err(other) if other.code.status() != 401 => return Err(first_rejection.unwrap_or(other)),
                Err(other) => drop(first_rejection.get_or_insert(other)),
            }
        }
        Err(first_rejection.unwrap_or_else(|| source::missing_token(request, &self.options)))
    }

    /// Verifies a token.
    ///
    /// # Errors
    ///
    /// The rejection from the first failed check.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<AcceptedToken, Rejection> {
        self.verify_token(token, 0, None, None, now).await
    }

    async fn verify_token(
        &self,
        text: &str,
        position: usize,
        organization: Option<&Organization>,
        date: Option<f64>,
        now: Timestamp,
    ) -> Result<AcceptedToken, Rejection> {
        let digest = if text.len() <= MAX_TOKEN_BYTES { self.tokens.digest(text) } else { None };
        let (cached_token, wait) = match digest {
            Some(digest) => self.cached(&digest, now).await?,
            None => (None, KeyWait::default()),
        };
        let was_cached = cached_token.is_some();
        (if was_cached { &self.hits } else { &self.misses }).fetch_add(1, Ordering::Relaxed);
        let token = match cached_token {
            Some(token) => token,
            // The future is boxed. Otherwise, every request would reserve and copy memory that only new tokens need.
            None => Box::pin(self.verify_uncached_token(text, now, wait.waited_for_fetch)).await?,
        };
        // The clock is read again only if this or an earlier token may have made the request wait for keys.
        let current = if wait.has_waited || !was_cached || position > 0 { now.max(Timestamp::now()) } else { now };
        let times = (self.date(date, now, current), current);
        self.check_claims(&token.claims, &token.revocation_state, organization, times, &mut StopAtFirstFailure)?;
        if let Some(digest) = digest.filter(|_| !was_cached) {
            self.tokens.insert(digest, token.clone());
        }
        Ok(AcceptedToken { token, was_cached, position })
    }

    async fn verify_uncached_token(
        &self,
        text: &str,
        now: Timestamp,
        after_fetch: bool,
    ) -> Result<Arc<VerifiedToken>, Rejection> {
        match self.check_token(text, now, after_fetch, &mut StopAtFirstFailure).await? {
            Some(ParsedToken { header, verified_by: Some(key), claims }) => {
                Ok(Arc::new(VerifiedToken::new(header, key, claims)))
            }
            // This arm is unreachable, because the pipeline stops at the first failed check.
            _ => Err(ErrorCode::InvalidSignature.into()),
        }
    }

    /// Fetches the keys unless they are cached.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::JwksUnavailable`] if the keys cannot be fetched.
    pub async fn prefetch(&self, now: Timestamp) -> Result<(), Rejection> {
        self.keys.current(now, &self.options.policy).await.map(drop)
    }

    /// The size, hits and misses of the token cache.
    #[must_use]
    pub fn token_stats(&self) -> (usize, u64, u64) {
        (self.tokens.len(), self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }

    /// The statistics of the key set.
    #[must_use]
    pub fn key_stats(&self, now: Timestamp) -> KeySetStats {
        self.keys.stats(now, &self.options.policy)
    }

    /// Finds the cached token with this digest, unless the current key set would select another key for it. Also
    /// returns whether the request has waited for keys. The header is checked again, because verifiers with different
    /// options may share the cache.
    async fn cached(&self, key: &Digest, now: Timestamp) -> Result<(Option<Arc<VerifiedToken>>, KeyWait), Rejection> {
        let Some(verified_token) = self.tokens.get(key) else { return Ok((None, KeyWait::default())) };
        let algorithm = self.check_header(&verified_token.header, &mut StopAtFirstFailure)?;
        let (keys, wait) = self.keys.current(now, &self.options.policy).await?;
        if algorithm.is_some_and(|algorithm| verified_token.is_current(&keys, algorithm)) {
            return Ok((Some(verified_token), wait));
        }
        self.tokens.remove(key);
        Ok((None, wait))
    }

    /// Performs all checks of an access token that precede the checks of its claims.
    pub(crate) async fn check_token<V: Verdicts>(
        &self,
        text: &str,
        now: Timestamp,
        waited_for_fetch: bool,
        verdicts: &mut V,
    ) -> Result<Option<ParsedToken>, Rejection> {
        let Some(parsed) = self.check_signed(text, now, waited_for_fetch, verdicts).await? else { return Ok(None) };
        // A logout token is signed with the same keys as an access token, and its audience (an application id) may be
        // an accepted audience.
        let is_logout = parsed.header.is_logout() || parsed.claims.is_logout();
        let logout_rejection = || Rejection::from(ErrorCode::InvalidTokenType).reason(Reason::LogoutToken);
        verdicts.record(Check::Logout, ensure(!is_logout, logout_rejection))?;
        Ok(Some(parsed))
    }

    /// Performs the checks that apply to every signed token, from its size to the parsing of its payload. The payload
    /// is not parsed before the signature has been checked.
    pub(crate) async fn check_signed<V: Verdicts>(
        &self,
        text: &str,
        now: Timestamp,
        waited_for_fetch: bool,
        verdicts: &mut V,
    ) -> Result<Option<ParsedToken>, Rejection> {
        if verdicts.record(Check::Size, check_size(text))?.is_none() {
            return Ok(None);
        }
        let Some(token) = verdicts.record(Check::Parts, Token::decode(text))? else { return Ok(None) };
        let Some(header) = verdicts.record(Check::Header, Header::parse(&token.header))? else { return Ok(None) };
        let mut verified_by = None;
        if let Some(algorithm) = self.check_header(&header, verdicts)? {
            let issued_at = &|| unverified_issue_time(&token.payload);
            let query = KeyQuery { kid: header.kid.as_deref(), algorithm, issued_at };
            let key = self.keys.find_key(query, now, &self.options.policy, waited_for_fetch).await;
            let key = key.map_err(|rejection| self.with_unaccepted_issuer(rejection, &token.payload));
            if let Some(key) = verdicts.record(Check::Key, key)? {
                let signature = check_signature(&token, algorithm, &key).await;
                verified_by = verdicts.record(Check::Signature, signature)?.map(|()| key);
            }
        }
        let Some(claims) = verdicts.record(Check::Payload, Claims::parse(&token.payload))? else { return Ok(None) };
        Ok(Some(ParsedToken { header, verified_by, claims }))
    }

    /// Checks that `alg` is on the allow-list, that `typ` is the required type (RFC 8725 section 3.11), and that the
    /// header contains no extensions. Returns the algorithm of the token if it is supported.
    fn check_header<V: Verdicts>(&self, header: &Header, verdicts: &mut V) -> Result<Option<Algorithm>, Rejection> {
        let Options { algorithms, token_type, .. } = &self.options;
        let algorithm = Algorithm::from_name(&header.alg);
        let is_allowed = algorithm.is_some_and(|algorithm| algorithms.contains(&algorithm));
        let algorithm_rejection =
            || Rejection::from(ErrorCode::UnsupportedAlgorithm).detail("alg", header.alg.as_str());
        verdicts.record(Check::Alg, ensure(is_allowed, algorithm_rejection))?;
        let is_accepted_type = token_type.is_none() || header.typ == *token_type;
        let type_rejection = || Rejection::from(ErrorCode::InvalidTokenType).detail("typ", header.typ.as_deref());
        verdicts.record(Check::Typ, ensure(is_accepted_type, type_rejection))?;
        let extension_rejection = || Rejection::malformed_token(Reason::HeaderExtensions);
        verdicts.record(Check::Extensions, ensure(!header.has_extensions, extension_rejection))?;
        Ok(algorithm)
    }

    /// The Unix time against which claims are checked, in seconds. `caller_time` is the caller's time when the request
    /// arrived, in milliseconds. Waiting for keys or for a thread does not extend the life of a token.
    pub(crate) fn date(&self, caller_time: Option<f64>, arrival: Timestamp, now: Timestamp) -> f64 {
        let caller_time = caller_time.filter(|date| date.is_finite()).unwrap_or(arrival.wall);
        self.options.current_date.unwrap_or_else(|| caller_time / 1000.0 + now.duration_since(arrival).as_secs_f64())
    }

    /// Checks the claims. `date` is Unix time in seconds.
    pub(crate) fn check_claims<V: Verdicts>(
        &self,
        claims: &Claims,
        revocation_state: &RevocationState,
        organization: Option<&Organization>,
        (date, now): (f64, Timestamp),
        verdicts: &mut V,
    ) -> Result<(), Rejection> {
        let Options { issuers, audiences, tolerance, max_token_age, requirements, revocations, .. } = &self.options;
        verdicts.record(Check::Iss, claims.check_issuer(issuers))?;
        verdicts.record(Check::Aud, claims.check_audience(audiences.as_deref()))?;
        verdicts.record(Check::Exp, claims.check_expiry(date, *tolerance))?;
        verdicts.record(Check::Nbf, claims.check_not_before(date, *tolerance))?;
        let subject = verdicts.record(Check::Types, claims.check_types())?;
        let subject = subject.unwrap_or_else(|| claims.subject_without_malformed_claims());
        verdicts.record(Check::Age, claims.check_age(date, *max_token_age))?;
        if let Some(revocations) = revocations {
            verdicts.record(Check::Revocations, revocations.check(&subject, revocation_state, now))?;
        }
        verdicts.record(Check::Organization, requirements.check_organization(&subject, organization))?;
        verdicts.record(Check::Scope, requirements.check_scopes(&subject))?;
        let roles = requirements.check_roles(&subject).and_then(|()| requirements.check_subject_type(&subject));
        verdicts.record(Check::Role, roles).map(drop)
    }
}

/// Checks the signature on the current thread or, if the check is expensive, on a thread that is allowed to do slow
/// work.
async fn check_signature(token: &Token<'_>, algorithm: Algorithm, key: &Key) -> Result<(), Rejection> {
    if key.public_key().is_slow() {
        threads::slow_work_allowed().await?;
    }
    let is_valid = key.public_key().verifies(algorithm, token.signed.as_bytes(), &token.signature);
    let is_truncated = algorithm.signature_bytes().is_some_and(|bytes| token.signature.len() < bytes);
    ensure(is_valid, || {
        let rejection = Rejection::from(ErrorCode::InvalidSignature);
        if is_truncated { rejection.reason(Reason::Truncated) } else { rejection }
    })
}
