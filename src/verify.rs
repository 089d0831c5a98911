//! The pipeline: what is checked, in the order of the contract.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::claims::Claims;
use crate::clock::Timestamp;
use crate::error::{Code, Refusal};
use crate::jwks::keys::{Key, KeySet, Selection};
use crate::jwks::remote::{RemoteJwkSet, unknown};
use crate::jwks::state::Figures;
use crate::options::{KeySource, Options};
use crate::requirements::Organization;
use crate::signature::{Algorithm, Digest};
use crate::source::{self, Credentials};
use crate::threads;
use crate::token::{Header, LONGEST_TOKEN, Token};
use crate::token_cache::{TokenCache, VerifiedToken};

/// Options with the keys and the remembered tokens that belong to them.
#[derive(Debug)]
pub struct Verifier {
    options: Options,
    keys: Keys,
    tokens: Arc<TokenCache>,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// A token that every check has passed.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The token.
    pub token: Arc<VerifiedToken>,
    /// Whether its signature was remembered.
    pub seen: bool,
}

#[derive(Debug)]
enum Keys {
    Remote(Arc<RemoteJwkSet>),
    Static(Arc<KeySet>),
}

impl Verifier {
    /// A verifier for those options.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let (keys, tokens) = match &options.keys {
            KeySource::Address { address, shared } => {
                let remote = if *shared { RemoteJwkSet::at(address) } else { RemoteJwkSet::new(address) };
                (Keys::Remote(remote), TokenCache::shared(address, options.token_cache_size))
            }
            KeySource::Static(keys) => {
                (Keys::Static(keys.clone()), Arc::new(TokenCache::new(options.token_cache_size)))
            }
        };
        Self { options, keys, tokens, hits: AtomicU64::new(0), misses: AtomicU64::new(0) }
    }

    /// The options.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Verifies the token of a request. If it is refused as bad (401) and the other source has one too, that is tried;
    /// if none is good, the first one's refusal stands.
    ///
    /// # Errors
    ///
    /// Why the request is refused.
    pub async fn verify_request(&self, request: &Credentials, now: Timestamp) -> Result<Accepted, Refusal> {
        let mut refusal: Option<Refusal> = None;
        let mut revoked = request.revoked;
        for token in source::tokens(request, &self.options)? {
            let other = match self.verify_for(token, request.organization.as_ref(), now).await {
                Ok(accepted) if revoked == 0 => return Ok(accepted),
                Ok(_) => {
                    revoked -= 1;
                    Code::TokenRevoked.into()
                }
                Err(other) => other,
            };
            if other.code.status() != 401 {
                return Err(refusal.unwrap_or(other));
            }
            refusal.get_or_insert(other);
        }
        Err(refusal.unwrap_or_else(|| Code::MissingToken.into()))
    }

    /// Verifies a token.
    ///
    /// # Errors
    ///
    /// Why it is refused: the first check that fails.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<Accepted, Refusal> {
        self.verify_for(token, None, now).await
    }

    async fn verify_for(
        &self,
        text: &str,
        organization: Option<&Organization>,
        now: Timestamp,
    ) -> Result<Accepted, Refusal> {
        let digest = if text.len() <= LONGEST_TOKEN { self.tokens.digest(text) } else { None };
        let (remembered, waited) = match digest {
            Some(digest) => self.recall(&digest, now).await?,
            None => (None, false),
        };
        let counter = if remembered.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        let seen = remembered.is_some();
        let token = match remembered {
            Some(token) => token,
            None => Arc::new(self.examine(text, now, waited).await?),
        };

        let options = &self.options;
        let claims = &token.claims;
        let seconds = options.current_date.unwrap_or(now.wall / 1000.0);
        claims.check_issuer(&options.issuers)?;
        claims.check_audience(options.audiences.as_deref())?;
        claims.check_expiry(seconds, options.tolerance)?;
        claims.check_not_before(seconds, options.tolerance)?;
        options.requirements.check(&claims.check_types()?, organization)?;

        if let Some(digest) = digest.filter(|_| !seen) {
            self.tokens.insert(digest, token.clone());
        }
        Ok(Accepted { token, seen })
    }

    /// Makes sure that there are keys.
    ///
    /// # Errors
    ///
    /// [`Code::JwksUnavailable`].
    pub async fn prefetch(&self, now: Timestamp) -> Result<(), Refusal> {
        self.current_keys(now).await.map(drop)
    }

    /// Remembered tokens, hits and misses.
    #[must_use]
    pub fn token_figures(&self) -> (usize, u64, u64) {
        (self.tokens.len(), self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }

    /// The key set's figures.
    #[must_use]
    pub fn key_figures(&self, now: Timestamp) -> Figures {
        match &self.keys {
            Keys::Remote(remote) => remote.figures(now, &self.options.policy),
            Keys::Static(keys) => Figures {
                state: "fresh",
                keys: keys.len(),
                fetches: 0,
                failures: 0,
                fetched_at: None,
                last_error: None,
            },
        }
    }

    /// The remembered token of that digest, if its key is still in the set, and whether that was waited for. Another
    /// verifier may have remembered it, so its header is checked too.
    async fn recall(&self, digest: &Digest, now: Timestamp) -> Result<(Option<Arc<VerifiedToken>>, bool), Refusal> {
        let Some(verified) = self.tokens.get(digest) else { return Ok((None, false)) };
        self.check_header(&verified.header)?;
        let (keys, waited) = self.current_keys(now).await?;
        if keys.holds(&verified.key) {
            return Ok((Some(verified), waited));
        }
        self.tokens.remove(digest);
        Ok((None, waited))
    }

    /// Everything up to the claims: nothing of a token is believed before its signature holds.
    async fn examine(&self, text: &str, now: Timestamp, waited: bool) -> Result<VerifiedToken, Refusal> {
        let token = Token::parse(text)?;
        let algorithm = self.check_header(&token.header)?;
        let key = self.find_key(token.header.kid.as_deref(), algorithm, now, waited).await?;
        if !check_signature(&token, algorithm, &key).await {
            return Err(Code::InvalidSignature.into());
        }
        let Token { header, payload, .. } = token;
        Ok(VerifiedToken::new(header, key, Claims::parse(&payload)?))
    }

    /// `alg` allowed, `typ` right (RFC 8725 section 3.11), no extension that would have to be understood.
    fn check_header(&self, header: &Header) -> Result<Algorithm, Refusal> {
        let algorithm = Algorithm::named(&header.alg).filter(|known| self.options.algorithms.contains(known));
        let algorithm =
            algorithm.ok_or_else(|| Refusal::from(Code::UnsupportedAlgorithm).detail("alg", header.alg.as_str()))?;
        if self.options.token_type.is_some() && header.typ != self.options.token_type {
            return Err(Refusal::from(Code::InvalidTokenType).detail("typ", header.typ.as_deref()));
        }
        if header.extended {
            return Err(Refusal::malformed("header: crit or b64"));
        }
        Ok(algorithm)
    }

    async fn current_keys(&self, now: Timestamp) -> Result<(Arc<KeySet>, bool), Refusal> {
        match &self.keys {
            Keys::Remote(remote) => remote.keys(now, &self.options.policy).await,
            Keys::Static(keys) => Ok((keys.clone(), false)),
        }
    }

    async fn find_key(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
        now: Timestamp,
        waited: bool,
    ) -> Result<Arc<Key>, Refusal> {
        match &self.keys {
            Keys::Remote(remote) => remote.find(kid, algorithm, now, &self.options.policy, waited).await,
            Keys::Static(keys) => match keys.select(kid, algorithm) {
                Selection::Key(key) => Ok(key.clone()),
                Selection::Unknown => Err(unknown(kid)),
                Selection::Unfit(reason) => Err(unknown(kid).detail("reason", reason)),
            },
        }
    }
}

/// At once if it is cheap, where slow work may be done if not.
async fn check_signature(token: &Token<'_>, algorithm: Algorithm, key: &Key) -> bool {
    if key.public().is_slow() {
        threads::slow_place().await;
    }
    key.public().verifies(algorithm, token.signed.as_bytes(), &token.signature)
}
