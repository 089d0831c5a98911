//! A cache of previously verified tokens. A cache entry contains the claims of a token and the key that verified its
//! signature. All checks except the signature check are repeated for every verification.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use once_cell::sync::Lazy;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::claims::Claims;
use crate::context;
use crate::jwks::JwksSource;
use crate::jwks::keys::{Key, KeySet};
use crate::lock::lock;
use crate::revocations::RevocationState;
use crate::signature::{Algorithm, Digest, digest};
use crate::token::Header;

/// The cache space reserved per token, in bytes. Cached tokens from a real Logto server take 1,000 to 1,500 bytes.
const BYTES_PER_TOKEN: u64 = 1_600;

/// A token with a valid signature.
#[derive(Debug)]
pub struct VerifiedToken {
    /// An id that is unique within the process.
    pub id: u64,
    /// The token's header.
    pub header: Header,
    /// The key that verified the signature.
    pub key: Arc<Key>,
    /// The token's claims.
    pub claims: Claims,
    /// The properties that revocation entries are matched against, and the last revocation check that the token has
    /// passed.
    pub revocation_state: RevocationState,
    /// The id of the last key set in which this key was selected for the token.
    key_set: AtomicU64,
}

impl VerifiedToken {
    /// Creates a verified token with a new id.
    #[must_use]
    pub fn new(header: Header, key: Arc<Key>, claims: Claims) -> Self {
        static NEXT_TOKEN_ID: AtomicU64 = AtomicU64::new(0);
        Self {
            id: NEXT_TOKEN_ID.fetch_add(1, Ordering::Relaxed),
            header,
            key,
            claims,
            revocation_state: RevocationState::default(),
            key_set: AtomicU64::new(0),
        }
    }

    /// Whether this key set would select the same key for a new token with this header. The key is selected again only
    /// after the key set has changed.
    #[must_use]
    pub fn is_current(&self, keys: &KeySet, algorithm: Algorithm) -> bool {
        if self.key_set.load(Ordering::Relaxed) == keys.id() {
            return true;
        }
        let is_current = keys.would_select(&self.key, self.header.kid.as_deref(), algorithm);
        if is_current {
            self.key_set.store(keys.id(), Ordering::Relaxed);
        }
        is_current
    }

    /// The context of the token as JSON (`AuthContext`), or an empty string for a token that verification rejects
    /// because a claim has the wrong type.
    #[must_use]
    pub fn context(&self) -> String {
        self.claims.check_types().map(|subject| context::authenticated_context(&subject)).unwrap_or_default()
    }
}

/// A cache with a maximum number of tokens and a maximum size in bytes, which evicts the least used tokens.
pub struct TokenCache(Option<Cache<Digest, Arc<VerifiedToken>, ByteWeighter>>);

#[derive(Clone)]
struct ByteWeighter;

impl Weighter<Digest, Arc<VerifiedToken>> for ByteWeighter {
    fn weight(&self, _: &Digest, token: &Arc<VerifiedToken>) -> u64 {
        // A token of the usual size uses the space reserved for one token, and a large token uses the space of several
        // tokens.
        let bytes = token.claims.byte_size() as u64
            + (size_of::<VerifiedToken>() + RevocationState::ESTIMATED_MEMORY_BYTES) as u64;
        bytes.max(BYTES_PER_TOKEN)
    }
}

/// Token caches, keyed by key source and maximum number of tokens.
type SharedTokenCaches = HashMap<(JwksSource, usize), Weak<TokenCache>>;

/// The caches that verifiers with the same keys share, for example the verifiers of several routes.
static SHARED_TOKEN_CACHES: Lazy<Mutex<SharedTokenCaches>> = Lazy::new(Mutex::default);

impl TokenCache {
    /// The shared cache of tokens verified with the keys from this source. A cache with a maximum of 0 tokens stores
    /// nothing.
    #[must_use]
    pub fn shared(source: &JwksSource, size: usize) -> Arc<Self> {
        let mut caches = lock(&SHARED_TOKEN_CACHES);
        caches.retain(|_, tokens| tokens.strong_count() > 0);
        let weak_cache = caches.entry((source.clone(), size)).or_default();
        weak_cache.upgrade().unwrap_or_else(|| {
            let tokens = Arc::new(Self::new(size));
            *weak_cache = Arc::downgrade(&tokens);
            tokens
        })
    }

    /// Creates a cache that is not shared.
    #[must_use]
    pub fn new(size: usize) -> Self {
        // The capacity slightly exceeds the weight of `size` tokens, because the cache rounds the capacity down.
        let bytes = (size as u64 + 1) * BYTES_PER_TOKEN - 1;
        Self((size > 0).then(|| Cache::with_weighter(size, bytes, ByteWeighter)))
    }

    /// The cache key of a token (the digest of the whole token), or `None` if the cache stores nothing.
    #[must_use]
    pub fn digest(&self, token: &str) -> Option<Digest> {
        self.0.is_some().then(|| digest(token.as_bytes()))
    }

    /// The cached token with this digest.
    #[must_use]
    pub fn get(&self, digest: &Digest) -> Option<Arc<VerifiedToken>> {
        self.0.as_ref()?.get(digest)
    }

    /// Caches a token.
    pub fn insert(&self, digest: Digest, token: Arc<VerifiedToken>) {
        if let Some(cache) = &self.0 {
            cache.insert(digest, token);
        }
    }

    /// Removes a token.
    pub fn remove(&self, digest: &Digest) {
        if let Some(cache) = &self.0 {
            cache.remove(digest);
        }
    }

    /// The number of cached tokens.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, Cache::len)
    }

    /// Whether the cache is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("TokenCache").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwks::keys::tests::key;

    /// A verified token with `custom` bytes of custom claims.
    fn verified_token(custom: usize) -> Arc<VerifiedToken> {
        let header =
            Header { alg: "ES384".into(), typ: Some("at+jwt".into()), kid: Some("k".into()), has_extensions: false };
        let payload = format!("{{\"sub\":\"user\",\"custom\":\"{}\"}}", "x".repeat(custom));
        Arc::new(VerifiedToken::new(header, key("k"), Claims::parse(payload.as_bytes()).unwrap()))
    }

    /// A cache after storing `count` tokens with `custom` bytes of custom claims.
    fn filled_cache(size: usize, count: usize, custom: usize) -> TokenCache {
        let tokens = TokenCache::new(size);
        for n in 0..count {
            tokens.insert(digest(format!("token {n}").as_bytes()), verified_token(custom));
        }
        tokens
    }

    #[test]
    fn stores_a_token_until_it_is_removed() {
        let tokens = TokenCache::new(10);
        let digest = tokens.digest("a.b.c").unwrap();
        assert!(tokens.get(&digest).is_none() && tokens.is_empty());
        let token = verified_token(0);
        tokens.insert(digest, token.clone());
        assert!(Arc::ptr_eq(&tokens.get(&digest).unwrap(), &token));
        assert_eq!(tokens.len(), 1);
        tokens.remove(&digest);
        assert!(tokens.get(&digest).is_none() && tokens.is_empty());
    }

    #[test]
    fn the_digest_covers_the_whole_token() {
        let tokens = TokenCache::new(10);
        let token = "eyJhbGciOiJFUzM4NCJ9.e30.AAAA";
        for other in [
            "eyJhbGciOiJFUzM4NCJ9.e30.AAAB",
            "fyJhbGciOiJFUzM4NCJ9.e30.AAAA",
            "eyJhbGciOiJFUzM4NCJ9.e31.AAAA",
            "",
            "AAAA",
        ] {
            assert_ne!(tokens.digest(token), tokens.digest(other), "{other}");
        }
        for length in 0..token.len() {
            assert_ne!(tokens.digest(token), tokens.digest(&token[..length]));
        }
    }

    #[test]
    fn a_cache_of_size_0_stores_nothing() {
        let tokens = filled_cache(0, 10, 0);
        assert_eq!((tokens.len(), tokens.digest("a.b.c")), (0, None));
        tokens.remove(&digest(b"token 0"));
    }

    #[test]
    fn stores_as_many_tokens_of_the_usual_size_as_its_size() {
        for size in [2, 20] {
            assert_eq!(filled_cache(size, size, 400).len(), size);
            assert_eq!(filled_cache(size, 10 * size, 400).len(), size);
        }
    }

    #[test]
    fn a_cache_of_size_1_stores_one_token() {
        assert_eq!(filled_cache(1, 1, 400).len(), 1);
    }

    #[test]
    fn never_stores_more_tokens_than_its_size() {
        for size in [1, 10, 100, 1_000] {
            let count = filled_cache(size, 3_000, 0).len();
            assert!((size / 2..=size).contains(&count), "{count} of {size}");
        }
    }

    #[test]
    fn large_tokens_use_the_space_of_several() {
        for (size, custom) in [(100, 10_000), (1_000, 5_000), (1_000, 12_000)] {
            let count = filled_cache(size, 1_000, custom).len() as u64;
            assert!(count > 0, "{custom}");
            assert!(
                count * verified_token(custom).claims.byte_size() as u64 <= size as u64 * BYTES_PER_TOKEN,
                "{count}"
            );
        }
    }

    #[test]
    fn does_not_store_a_token_larger_than_the_whole_cache() {
        assert_eq!(filled_cache(1, 10, 12_000).len(), 0);
    }

    #[test]
    fn does_not_evict_a_frequently_used_token() {
        let tokens = TokenCache::new(20);
        let used_digest = digest(b"used");
        tokens.insert(used_digest, verified_token(0));
        for n in 0..1_000 {
            assert!(tokens.get(&used_digest).is_some(), "{n}");
            tokens.insert(digest(format!("once {n}").as_bytes()), verified_token(0));
        }
    }

    #[test]
    fn verifiers_with_the_same_url_and_size_share_a_cache() {
        let source = JwksSource::from("https://shared.test/oidc/jwks");
        let cache = TokenCache::shared(&source, 10);
        assert!(Arc::ptr_eq(&cache, &TokenCache::shared(&source, 10)));
        assert!(!Arc::ptr_eq(&cache, &TokenCache::shared(&source, 11)));
        assert!(!Arc::ptr_eq(&cache, &TokenCache::shared(&"https://shared.test/oidc/jwks2".into(), 10)));
        assert!(!Arc::ptr_eq(&cache, &TokenCache::shared(&JwksSource { ca: Some("ca".into()), ..source }, 10)));
    }

    #[test]
    fn frees_a_cache_that_no_verifier_uses() {
        let source = JwksSource::from("https://freed.test/oidc/jwks");
        let cache = TokenCache::shared(&source, 10);
        cache.insert(digest(b"token"), verified_token(0));
        let weak_cache = Arc::downgrade(&cache);
        drop(cache);
        assert!(weak_cache.upgrade().is_none());
        let other_cache = TokenCache::shared(&"https://next.test/oidc/jwks".into(), 10);
        assert!(!SHARED_TOKEN_CACHES.lock().unwrap().contains_key(&(source.clone(), 10)));
        assert!(TokenCache::shared(&source, 10).is_empty());
        drop(other_cache);
    }

    #[test]
    fn a_token_has_a_unique_id_and_a_context() {
        let token = verified_token(0);
        assert_ne!(token.id, verified_token(0).id);
        assert!(token.context().starts_with("{\"userId\":\"user\","), "{}", token.context());
    }

    #[test]
    fn a_token_with_a_malformed_claim_has_no_context() {
        let header = verified_token(0).header.clone();
        assert_eq!(VerifiedToken::new(header, key("k"), Claims::parse(b"{\"sub\":1}").unwrap()).context(), "");
    }

    #[test]
    fn debug_output_contains_no_token() {
        assert_eq!(format!("{:?}", filled_cache(10, 2, 0)), "TokenCache { len: 2, .. }");
    }
}
