//! VerifiedToken tokens: that this token's signature holds under this key, and its claims. Everything else is checked anew
//! on every call.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use once_cell::sync::Lazy;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::claims::Claims;
use crate::context;
use crate::jwks::keys::Key;
use crate::signature::{Digest, digest};
use crate::token::Header;

/// Bytes reckoned for each token of the capacity. What a real Logto issues takes about 1,000 to 1,500.
const BYTES_PER_TOKEN: u64 = 1_600;

/// A token whose signature holds.
#[derive(Debug)]
pub struct VerifiedToken {
    /// Tells it from every other of this process.
    pub id: u64,
    /// Its header.
    pub header: Header,
    /// The key that it holds under.
    pub key: Arc<Key>,
    /// Its claims.
    pub claims: Claims,
}

impl VerifiedToken {
    /// What was verified.
    #[must_use]
    pub fn new(header: Header, key: Arc<Key>, claims: Claims) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { id: NEXT.fetch_add(1, Ordering::Relaxed), header, key, claims }
    }

    /// Its context as JSON. Empty if a claim is of the wrong type, which every verification checks first.
    #[must_use]
    pub fn context(&self) -> String {
        self.claims.check_types().map(|subject| context::authenticated(&subject)).unwrap_or_default()
    }
}

/// A bounded cache of verified tokens. The least used go first when it is full, by number or by bytes.
pub struct TokenCache(Option<Cache<Digest, Arc<VerifiedToken>, Bytes>>);

#[derive(Clone)]
struct Bytes;

impl Weighter<Digest, Arc<VerifiedToken>> for Bytes {
    fn weight(&self, _: &Digest, token: &Arc<VerifiedToken>) -> u64 {
        // An unusually large token takes the place of several, one of the usual size exactly one place.
        let bytes = token.claims.weight() as u64 + size_of::<VerifiedToken>() as u64;
        bytes.max(BYTES_PER_TOKEN)
    }
}

/// Caches by key source and size.
type Shared = HashMap<(String, usize), Weak<TokenCache>>;

/// Verifiers of one API, say one per route, share a cache.
static SHARED: Lazy<Mutex<Shared>> = Lazy::new(Mutex::default);

impl TokenCache {
    /// The cache for tokens of that key source; of size 0, one that remembers nothing.
    #[must_use]
    pub fn shared(source: &str, size: usize) -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.retain(|_, tokens| tokens.strong_count() > 0);
        let slot = shared.entry((source.to_owned(), size)).or_default();
        slot.upgrade().unwrap_or_else(|| {
            let tokens = Arc::new(Self::new(size));
            *slot = Arc::downgrade(&tokens);
            tokens
        })
    }

    /// One of its own.
    #[must_use]
    pub fn new(size: usize) -> Self {
        // A little over what `size` tokens weigh, or a single one would not fit beside the cache's own division.
        let bytes = (size as u64 + 1) * BYTES_PER_TOKEN - 1;
        Self((size > 0).then(|| Cache::with_weighter(size, bytes, Bytes)))
    }

    /// The key to look that token up by: nothing but the whole token decides. None if nothing is remembered.
    #[must_use]
    pub fn digest(&self, token: &str) -> Option<Digest> {
        self.0.is_some().then(|| digest(token.as_bytes()))
    }

    /// The token of that digest.
    #[must_use]
    pub fn get(&self, digest: &Digest) -> Option<Arc<VerifiedToken>> {
        self.0.as_ref()?.get(digest)
    }

    /// Remembers a token.
    pub fn insert(&self, digest: Digest, token: Arc<VerifiedToken>) {
        if let Some(cache) = &self.0 {
            cache.insert(digest, token);
        }
    }

    /// Forgets a token.
    pub fn remove(&self, digest: &Digest) {
        if let Some(cache) = &self.0 {
            cache.remove(digest);
        }
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, Cache::len)
    }

    /// Whether none is.
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

    /// A verified token with that many bytes of custom claims.
    fn verified(custom: usize) -> Arc<VerifiedToken> {
        let header = Header { alg: "ES384".into(), typ: Some("at+jwt".into()), kid: Some("k".into()), extended: false };
        let payload = format!("{{\"sub\":\"user\",\"custom\":\"{}\"}}", "x".repeat(custom));
        Arc::new(VerifiedToken::new(header, key("k"), Claims::parse(payload.as_bytes()).unwrap()))
    }

    /// Remembers that many tokens of that size.
    fn filled(size: usize, count: usize, custom: usize) -> TokenCache {
        let tokens = TokenCache::new(size);
        for n in 0..count {
            tokens.insert(digest(format!("token {n}").as_bytes()), verified(custom));
        }
        tokens
    }

    #[test]
    fn a_token_is_remembered_until_it_is_removed() {
        let tokens = TokenCache::new(10);
        let digest = tokens.digest("a.b.c").unwrap();
        assert!(tokens.get(&digest).is_none() && tokens.is_empty());
        let token = verified(0);
        tokens.insert(digest, token.clone());
        assert!(Arc::ptr_eq(&tokens.get(&digest).unwrap(), &token));
        assert_eq!(tokens.len(), 1);
        tokens.remove(&digest);
        assert!(tokens.get(&digest).is_none() && tokens.is_empty());
    }

    #[test]
    fn nothing_but_the_whole_token_decides() {
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
    fn a_cache_of_size_0_remembers_nothing() {
        let tokens = filled(0, 10, 0);
        assert_eq!((tokens.len(), tokens.digest("a.b.c")), (0, None));
        tokens.remove(&digest(b"token 0"));
    }

    #[test]
    fn as_many_tokens_of_the_usual_size_are_remembered_as_the_size_says() {
        for size in [2, 20] {
            assert_eq!(filled(size, size, 400).len(), size);
            assert_eq!(filled(size, 10 * size, 400).len(), size);
        }
    }

    #[test]
    fn a_cache_of_size_1_remembers_one() {
        assert_eq!(filled(1, 1, 400).len(), 1);
    }

    #[test]
    fn no_more_are_remembered_than_the_size_says() {
        for size in [1, 10, 100, 1_000] {
            let remembered = filled(size, 3_000, 0).len();
            assert!((size / 2..=size).contains(&remembered), "{remembered} of {size}");
        }
    }

    #[test]
    fn large_tokens_take_the_place_of_several() {
        for (size, custom) in [(100, 10_000), (1_000, 5_000), (1_000, 12_000)] {
            let remembered = filled(size, 1_000, custom).len() as u64;
            assert!(remembered > 0, "{custom}");
            assert!(
                remembered * verified(custom).claims.weight() as u64 <= size as u64 * BYTES_PER_TOKEN,
                "{remembered}"
            );
        }
    }

    #[test]
    fn a_token_larger_than_the_whole_cache_is_not_remembered() {
        assert_eq!(filled(1, 10, 12_000).len(), 0);
    }

    #[test]
    fn what_is_used_stays() {
        let tokens = TokenCache::new(20);
        let used = digest(b"used");
        tokens.insert(used, verified(0));
        for n in 0..1_000 {
            assert!(tokens.get(&used).is_some(), "{n}");
            tokens.insert(digest(format!("once {n}").as_bytes()), verified(0));
        }
    }

    #[test]
    fn verifiers_of_one_source_and_size_share_a_cache() {
        let source = "https://shared.test/oidc/jwks";
        let one = TokenCache::shared(source, 10);
        assert!(Arc::ptr_eq(&one, &TokenCache::shared(source, 10)));
        assert!(!Arc::ptr_eq(&one, &TokenCache::shared(source, 11)));
        assert!(!Arc::ptr_eq(&one, &TokenCache::shared("https://shared.test/oidc/jwks2", 10)));
    }

    #[test]
    fn a_cache_that_no_verifier_uses_is_freed() {
        let source = "https://freed.test/oidc/jwks";
        let one = TokenCache::shared(source, 10);
        one.insert(digest(b"token"), verified(0));
        let weak = Arc::downgrade(&one);
        drop(one);
        assert!(weak.upgrade().is_none());
        let other = TokenCache::shared("https://next.test/oidc/jwks", 10);
        assert!(!SHARED.lock().unwrap().contains_key(&(source.to_owned(), 10)));
        assert!(TokenCache::shared(source, 10).is_empty());
        drop(other);
    }

    #[test]
    fn every_token_has_an_id_of_its_own_and_its_context() {
        let token = verified(0);
        assert_ne!(token.id, verified(0).id);
        assert!(token.context().starts_with("{\"userId\":\"user\","), "{}", token.context());
    }

    #[test]
    fn there_is_no_context_without_the_right_types() {
        let header = verified(0).header.clone();
        assert_eq!(VerifiedToken::new(header, key("k"), Claims::parse(b"{\"sub\":1}").unwrap()).context(), "");
    }

    #[test]
    fn nothing_of_a_token_is_shown_for_debugging() {
        assert_eq!(format!("{:?}", filled(10, 2, 0)), "TokenCache { len: 2, .. }");
    }
}
