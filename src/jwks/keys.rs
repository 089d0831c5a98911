//! Parses a JWK Set (RFC 7517) and selects a key by `kid` and `alg`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::base64url::decode;
use crate::reason::Reason;
use crate::signature::{Algorithm, Curve, PublicKey};

/// Maximum number of keys in a key set. Logto publishes at most three keys.
pub const MAX_KEYS: usize = 64;

/// A usable key from a key set.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    kid: Option<String>,
    /// The algorithm from the `alg` member, which Logto's RSA keys lack.
    algorithm: Option<Algorithm>,
    public: PublicKey,
}

/// The usable keys of a JWK Set (at least one).
#[derive(Clone, Debug)]
pub struct KeySet {
    /// A number that identifies the key set within the process.
    id: u64,
    keys: Vec<Arc<Key>>,
}

/// The result of selecting a key for a token.
#[derive(Debug)]
pub enum KeySelection<'a> {
    /// The key for the token.
    Key(&'a Arc<Key>),
    /// The key set does not contain the key, but a newer key set may contain it.
    Unknown,
    /// The reason why no key in the key set is suitable for the token. Fetching a newer key set would not change this.
    Unsuitable(Reason),
}

impl KeySet {
    /// Parses a response body.
    ///
    /// # Errors
    ///
    /// Fails with a message for operators unless the body is a JSON object whose `keys` array has 1 to 64 members,
    /// including at least one usable key. Unusable keys are skipped.
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        #[cfg(feature = "test-panic")]
        crate::panic_on_test_input(body);
        // The error does not quote the body, because the body may be an arbitrary web page.
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body); // a byte order mark
        let json = serde_json::from_slice(body).map_err(|_| "the response is not JSON".to_owned())?;
        Self::from_json(&json)
    }

    /// Reads a key set from parsed JSON.
    ///
    /// # Errors
    ///
    /// The same errors as [`Self::parse`].
    pub fn from_json(json: &Value) -> Result<Self, String> {
        static LAST_KEY_SET_ID: AtomicU64 = AtomicU64::new(0);
        let listed_keys = json.get("keys").and_then(Value::as_array).ok_or("not a JWK Set: no array \"keys\"")?;
        if listed_keys.len() > MAX_KEYS {
            return Err(format!("{} keys, more than {MAX_KEYS}", listed_keys.len()));
        }
        let mut keys: Vec<Arc<Key>> = Vec::new();
        // Anyone can sign with a published private key, so it is unusable even if another JWK in the set contains only
        // its public part.
        let private_keys: Vec<_> =
            listed_keys.iter().filter(|jwk| jwk.get("d").is_some()).filter_map(public_key).collect();
        for key in listed_keys.iter().filter_map(Key::from_json).map(Arc::new) {
            if !keys.contains(&key) && !private_keys.contains(&key.public) {
                keys.push(key);
            }
        }
        if keys.is_empty() {
            return Err(format!("no usable key among {}", listed_keys.len()));
        }
        Ok(Self { id: LAST_KEY_SET_ID.fetch_add(1, Ordering::Relaxed) + 1, keys })
    }

    /// A number above 0 that identifies the key set within the process. Key sets are immutable, so searching the same
    /// set again has the same result.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The `kid`s of the usable keys.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter_map(|key| key.kid.as_deref())
    }

    /// The number of usable keys in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Always `false`, because a key set has at least one usable key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Selects the key for a token with this `kid` and `alg`. If the token has no `kid`, the key set must contain
    /// exactly one suitable key.
    #[must_use]
    pub fn select(&self, kid: Option<&str>, algorithm: Algorithm) -> KeySelection<'_> {
        let mut keys_with_kid = self.keys.iter().filter(|key| kid.is_none() || key.kid.as_deref() == kid).peekable();
        if keys_with_kid.peek().is_none() {
            return KeySelection::Unknown;
        }
        let mut suitable_keys = keys_with_kid.filter(|key| key.accepts_algorithm(algorithm));
        match (suitable_keys.next(), suitable_keys.next()) {
            (Some(key), None) => KeySelection::Key(key),
            // Trying several keys would multiply the time it takes to reject a forged token.
            (Some(_), Some(_)) => KeySelection::Unsuitable(Reason::SeveralKeys),
            (None, _) if kid.is_some() => KeySelection::Unsuitable(Reason::KeyForOtherAlgorithm),
            (None, _) => KeySelection::Unknown,
        }
    }

    /// Whether selecting a key for a token with this `kid` and `alg` yields exactly this key. A different key with the
    /// same `kid` does not count.
    #[must_use]
    pub fn would_select(&self, key: &Key, kid: Option<&str>, algorithm: Algorithm) -> bool {
        matches!(self.select(kid, algorithm), KeySelection::Key(selected) if **selected == *key)
    }
}

impl Key {
    /// Reads a JWK. Returns `None` if the key cannot or must not be used to verify access tokens.
    fn from_json(jwk: &Value) -> Option<Self> {
        let text = |name: &str| jwk.get(name).map(|value| value.as_str());
        if !matches!(text("use"), None | Some(Some("sig"))) {
            return None;
        }
        if let Some(operations) = jwk.get("key_ops") {
            operations.as_array()?.iter().find(|operation| *operation == "verify")?;
        }
        let public = public_key(jwk)?;
        let algorithm = match text("alg") {
            None => None,
            Some(name) => Some(Algorithm::from_name(name?).filter(|algorithm| public.supports(*algorithm))?),
        };
        let kid = match text("kid") {
            None => None,
            Some(kid) => Some(kid?.to_owned()),
        };
        Some(Self { kid, algorithm, public })
    }

    /// Whether the key may verify tokens with this `alg`. The key, not the token, determines the algorithm (RFC 8725
    /// section 3.1).
    #[must_use]
    pub fn accepts_algorithm(&self, algorithm: Algorithm) -> bool {
        self.algorithm.map_or_else(|| self.public.supports(algorithm), |bound| bound == algorithm)
    }

    /// The public key.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }
}

/// The names of the algorithms that a JWK supports, or an empty list if the JWK is not usable.
#[must_use]
pub fn algorithms(jwk: &Value) -> Vec<&'static str> {
    let Ok(set) = KeySet::from_json(&json!({ "keys": [jwk] })) else { return Vec::new() };
    let verifies = |algorithm| matches!(set.select(None, algorithm), KeySelection::Key(_));
    Algorithm::ALL.into_iter().filter_map(|(name, algorithm)| verifies(algorithm).then_some(name)).collect()
}

/// The public key of a JWK, or `None` if its type is not supported.
fn public_key(jwk: &Value) -> Option<PublicKey> {
    let text = |name: &str| jwk.get(name)?.as_str();
    let number = |name: &str| decode(text(name)?);
    match (text("kty")?, text("crv")) {
        ("EC", Some("P-256")) => PublicKey::ec(Curve::P256, &number("x")?, &number("y")?),
        ("EC", Some("P-384")) => PublicKey::ec(Curve::P384, &number("x")?, &number("y")?),
        ("EC", Some("P-521")) => PublicKey::ec(Curve::P521, &number("x")?, &number("y")?),
        ("RSA", _) => PublicKey::rsa(&number("n")?, &number("e")?),
        ("OKP", Some("Ed25519")) => PublicKey::ed25519(&number("x")?),
        _ => None, // includes "oct", because symmetric keys are secrets
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use once_cell::sync::Lazy;

    use super::*;
    use crate::signature::Algorithm::{EdDsa, Es256, Es384, Ps256, Rs256, Rs384};

    /// The test keys, which the JavaScript tests also use.
    static TEST_KEYS: Lazy<Value> =
        Lazy::new(|| serde_json::from_str(include_str!("../../__test__/fixtures/keys.json")).unwrap());

    /// A key of Logto's default type, as Logto publishes it.
    fn p384() -> Value {
        TEST_KEYS["keys"]["p384"].clone()
    }

    /// Another key of Logto's default type.
    fn other_p384() -> Value {
        TEST_KEYS["keys"]["other"].clone()
    }

    /// An RSA key as Logto publishes it, without `alg`.
    fn rsa() -> Value {
        TEST_KEYS["keys"]["rsa"].clone()
    }

    /// A key with some members replaced. A null value removes a member.
    fn modify(mut key: Value, members: Value) -> Value {
        let Value::Object(members) = members else { panic!("members") };
        for (name, value) in members {
            if value.is_null() {
                key.as_object_mut().unwrap().remove(&name);
            } else {
                key[name.as_str()] = value;
            }
        }
        key
    }

    /// A set whose only key is usable and has this `kid`.
    pub(crate) fn set(kid: &str) -> KeySet {
        KeySet::from_json(&json!({ "keys": [modify(p384(), json!({ "kid": kid }))] })).unwrap()
    }

    /// The only key of [`set`].
    pub(crate) fn key(kid: &str) -> Arc<Key> {
        set(kid).keys[0].clone()
    }

    fn keys(keys: &[Value]) -> Result<KeySet, String> {
        KeySet::from_json(&json!({ "keys": keys }))
    }

    fn is_usable(key: Value) -> bool {
        let set = keys(&[key]).map(|set| set.len());
        assert!(set == Ok(1) || set == Err("no usable key among 1".into()), "{set:?}");
        set.is_ok()
    }

    #[track_caller]
    fn assert_rejects(body: &[u8], reason: &str) {
        assert_eq!(KeySet::parse(body).map(|set| set.len()), Err(reason.into()));
    }

    #[track_caller]
    fn assert_selects(set: &KeySet, kid: Option<&str>, algorithm: Algorithm, expected: &str) {
        match set.select(kid, algorithm) {
            KeySelection::Key(key) => assert_eq!(key.kid.as_deref(), Some(expected)),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn assert_unknown(set: &KeySet, kid: Option<&str>, algorithm: Algorithm) {
        assert!(matches!(set.select(kid, algorithm), KeySelection::Unknown), "{:?}", set.select(kid, algorithm));
    }

    #[track_caller]
    fn assert_unsuitable(set: &KeySet, kid: Option<&str>, algorithm: Algorithm, reason: Reason) {
        assert!(
            matches!(set.select(kid, algorithm), KeySelection::Unsuitable(given) if given == reason),
            "{:?}",
            set.select(kid, algorithm)
        );
    }

    #[test]
    fn each_key_type_supports_its_own_algorithms() {
        let set = keys(&["p384", "p256", "rsa", "ed25519"].map(|name| TEST_KEYS["keys"][name].clone())).unwrap();
        for (kid, supported) in
            [("p384", &[Es384][..]), ("p256", &[Es256]), ("rsa", &[Rs256, Rs384, Ps256]), ("ed25519", &[EdDsa])]
        {
            for algorithm in [Es384, Es256, Rs256, Rs384, Ps256, EdDsa] {
                if supported.contains(&algorithm) {
                    assert_selects(&set, Some(kid), algorithm, kid);
                } else {
                    assert_unsuitable(&set, Some(kid), algorithm, Reason::KeyForOtherAlgorithm);
                }
            }
        }
    }

    #[test]
    fn the_alg_of_a_key_restricts_it_to_one_algorithm() {
        let set = keys(&[modify(rsa(), json!({ "alg": "RS256" }))]).unwrap();
        assert_selects(&set, Some("rsa"), Rs256, "rsa");
        assert_unsuitable(&set, Some("rsa"), Rs384, Reason::KeyForOtherAlgorithm);
        assert_unsuitable(&set, Some("rsa"), Ps256, Reason::KeyForOtherAlgorithm);
    }

    #[test]
    fn skips_the_unusable_keys_in_the_table_and_no_others() {
        let changed_key = |base: &Value, changes: &Value| {
            let mut key = TEST_KEYS["keys"][base.as_str().unwrap()].clone();
            let members = key.as_object_mut().unwrap();
            members.extend(changes.as_object().unwrap().clone());
            members.retain(|_, value| value["$"] != "");
            key
        };
        for row in TEST_KEYS["unusable"].as_array().unwrap() {
            for changes in row[2].as_array().unwrap() {
                assert!(!is_usable(changed_key(&row[1], changes)), "{}: {changes}", row[0]);
            }
        }
        for row in TEST_KEYS["usable"].as_array().unwrap() {
            for changes in row[1].as_array().unwrap() {
                assert!(is_usable(changed_key(&row[0], changes)), "{}: {changes}", row[0]);
            }
        }
    }

    #[test]
    fn skips_a_key_whose_private_part_is_anywhere_in_the_set() {
        for private in
            [modify(p384(), json!({ "d": "AQ" })), modify(p384(), json!({ "d": "AQ", "kid": "x", "use": "enc" }))]
        {
            assert!(keys(&[p384(), private.clone()]).is_err());
            let set = keys(&[private, p384(), rsa()]).unwrap();
            assert_unknown(&set, Some("p384"), Es384);
            assert_selects(&set, Some("rsa"), Rs256, "rsa");
        }
    }

    #[test]
    fn requires_rsa_keys_of_2048_to_8192_bits() {
        let modulus = |bytes: usize, first: u8| {
            use base64::Engine;
            let mut number = vec![0x55; bytes];
            number[0] = first;
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(number)
        };
        for (bytes, first) in [(256, 0x80), (1024, 0xff)] {
            assert!(is_usable(modify(rsa(), json!({ "n": modulus(bytes, first) }))));
        }
        // Moduli of 2047, 1024, 8193 and 16384 bits, and one with a leading zero.
        for (bytes, first) in [(256, 0x7f), (128, 0x80), (1025, 0x01), (2048, 0xff), (257, 0x00)] {
            assert!(!is_usable(modify(rsa(), json!({ "n": modulus(bytes, first) }))), "{bytes}");
        }
    }

    #[test]
    fn a_bad_key_does_not_invalidate_the_set() {
        let set =
            keys(&[json!(null), json!("key"), json!({}), modify(p384(), json!({ "use": "enc" })), rsa()]).unwrap();
        assert_eq!(set.len(), 1);
        assert!(!set.is_empty());
        assert_selects(&set, Some("rsa"), Rs256, "rsa");
    }

    #[test]
    fn compares_kids_exactly() {
        let set = keys(&[p384(), other_p384()]).unwrap();
        assert_selects(&set, Some("p384"), Es384, "p384");
        for kid in ["P384", "p38", "p3844", " p384", "p384\0", "", "__proto__", "p384' OR '1'='1", "../../p384"] {
            assert_unknown(&set, Some(kid), Es384);
        }
        assert_unknown(&set, Some(&"k".repeat(10_000)), Es384);
    }

    #[test]
    fn does_not_find_a_key_without_a_kid_by_kid() {
        assert_unknown(&keys(&[modify(p384(), json!({ "kid": null }))]).unwrap(), Some("p384"), Es384);
    }

    #[test]
    fn selects_the_only_suitable_key_for_a_token_without_kid() {
        let set = keys(&[p384(), rsa()]).unwrap();
        assert_selects(&set, None, Es384, "p384");
        assert_selects(&set, None, Rs256, "rsa");
        assert_unknown(&set, None, Es256);
        assert_unsuitable(&keys(&[p384(), other_p384()]).unwrap(), None, Es384, Reason::SeveralKeys);
    }

    #[test]
    fn selects_the_suitable_one_of_two_keys_with_the_same_kid() {
        let set = keys(&[p384(), modify(rsa(), json!({ "kid": "p384" }))]).unwrap();
        assert_eq!(set.len(), 2);
        assert_selects(&set, Some("p384"), Es384, "p384");
        assert_selects(&set, Some("p384"), Rs256, "p384");
    }

    #[test]
    fn two_suitable_keys_with_the_same_kid_are_ambiguous() {
        let set = keys(&[p384(), modify(other_p384(), json!({ "kid": "p384" }))]).unwrap();
        assert_unsuitable(&set, Some("p384"), Es384, Reason::SeveralKeys);
    }

    #[test]
    fn a_key_that_is_listed_twice_counts_once() {
        let set = keys(&[p384(), p384(), modify(p384(), json!({ "x5t": "other" }))]).unwrap();
        assert_eq!(set.len(), 1);
        assert_selects(&set, None, Es384, "p384");
    }

    #[test]
    fn a_set_does_not_select_a_changed_key() {
        let set = keys(&[p384(), rsa()]).unwrap();
        let selects =
            |changed: Value, kid, algorithm| set.would_select(&keys(&[changed]).unwrap().keys[0], Some(kid), algorithm);
        assert!(selects(p384(), "p384", Es384) && selects(rsa(), "rsa", Rs256));
        assert!(!selects(p384(), "rsa", Es384) && !selects(p384(), "p384", Rs256));
        for (changed, kid, algorithm) in [
            (modify(p384(), json!({ "kid": "renamed" })), "p384", Es384),
            (modify(p384(), json!({ "alg": null })), "p384", Es384),
            (modify(other_p384(), json!({ "kid": "p384" })), "p384", Es384),
            (modify(rsa(), json!({ "alg": "RS256" })), "rsa", Rs256),
            (modify(rsa(), json!({ "e": "Aw" })), "rsa", Rs256),
        ] {
            assert!(!selects(changed, kid, algorithm));
        }
    }

    #[test]
    fn a9_a_set_in_which_a_kid_has_become_ambiguous_does_not_select_the_key() {
        let set = keys(&[p384(), modify(other_p384(), json!({ "kid": "p384" }))]).unwrap();
        assert!(!set.would_select(&keys(&[p384()]).unwrap().keys[0], Some("p384"), Es384));
    }

    #[test]
    fn every_parsed_set_has_its_own_id() {
        let ids = [set("k").id(), set("k").id()];
        assert!(ids[0] > 0 && ids[0] != ids[1]);
    }

    #[test]
    fn rejects_more_than_64_keys_even_if_they_are_unusable() {
        let key_list =
            |count: usize| (0..count).map(|n| modify(p384(), json!({ "kid": format!("{n}") }))).collect::<Vec<_>>();
        assert_eq!(keys(&key_list(64)).map(|set| set.len()), Ok(64));
        assert_eq!(keys(&key_list(65)).map(|set| set.len()), Err("65 keys, more than 64".into()));
        let padded_list: Vec<Value> = key_list(1).into_iter().chain(vec![json!({}); 64]).collect();
        assert_eq!(keys(&padded_list).map(|set| set.len()), Err("65 keys, more than 64".into()));
    }

    #[test]
    fn rejects_everything_that_is_not_a_key_set() {
        for page in
            ["", "<!doctype html><title>Sign in</title>", "{\"keys\":[", "keys", "\u{feff}\u{feff}{\"keys\":[]}"]
        {
            assert_rejects(page.as_bytes(), "the response is not JSON");
        }
        assert_rejects(b"{\"keys\":[\"\xff\"]}", "the response is not JSON");
        assert_rejects(format!("{{\"keys\":{}", "[".repeat(100_000)).as_bytes(), "the response is not JSON");
        for other in
            ["null", "[]", "1", "{}", "{\"keys\":null}", "{\"keys\":{}}", "{\"keys\":\"p384\"}", "{\"Keys\":[]}"]
        {
            assert_rejects(other.as_bytes(), "not a JWK Set: no array \"keys\"");
        }
        assert_rejects(b"{\"keys\":[]}", "no usable key among 0");
        assert_rejects("\u{feff}{\"keys\":[]}".as_bytes(), "no usable key among 0");
    }
}
