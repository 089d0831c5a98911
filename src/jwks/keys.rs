//! A JWK Set (RFC 7517) to usable keys, and the choice of one by `kid` and `alg`.

use std::sync::Arc;

use serde_json::Value;

use crate::signature::{Algorithm, Curve, PublicKey};
use crate::token::decode;

/// Most keys in a set. Logto publishes at most three.
const MOST_KEYS: usize = 64;

/// A key for checking signatures.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    kid: Option<String>,
    /// What `alg` ties it to, if it says so. Logto's RSA keys do not.
    algorithm: Option<Algorithm>,
    public: PublicKey,
}

/// The usable keys of a set, at least one.
#[derive(Clone, Debug)]
pub struct KeySet(Vec<Arc<Key>>);

/// Which key a token is to be checked with.
#[derive(Debug)]
pub enum Selection<'a> {
    /// This one.
    Key(&'a Arc<Key>),
    /// None that this set has: a newer set might.
    Unknown,
    /// None, and a newer set would not help: the key of that id is for something else, or several fit.
    Unfit(&'static str),
}

impl KeySet {
    /// Reads the body of a key set's address.
    ///
    /// # Errors
    ///
    /// In words, if it is not a JSON object with an array `keys` of 1 to 64 members, one of them usable. A key
    /// that is not usable is skipped: the set stays.
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        #[cfg(feature = "planted-panic")]
        crate::planted_panic(body);
        // What stands in the body is not repeated: it may be a page with anything on it.
        let json = serde_json::from_slice(body).map_err(|_| "the answer is not JSON".to_owned())?;
        Self::from_json(&json)
    }

    /// The same for JSON that is already parsed.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn from_json(json: &Value) -> Result<Self, String> {
        let listed = json.get("keys").and_then(Value::as_array).ok_or("not a JWK Set: no array \"keys\"")?;
        if listed.len() > MOST_KEYS {
            return Err(format!("{} keys, more than {MOST_KEYS}", listed.len()));
        }
        let mut keys: Vec<Arc<Key>> = Vec::new();
        // With a published private key everybody could sign, also where the same key stands in the set without it.
        let private: Vec<_> = listed.iter().filter(|jwk| jwk.get("d").is_some()).filter_map(public_key).collect();
        for key in listed.iter().filter_map(Key::from_json).map(Arc::new) {
            if !keys.contains(&key) && !private.contains(&key.public) {
                keys.push(key);
            }
        }
        if keys.is_empty() {
            return Err(format!("no usable key among {}", listed.len()));
        }
        Ok(Self(keys))
    }

    /// How many keys are usable.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has no key, which cannot be.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key for a token of that `kid` and `alg`. Ids are compared whole. Without an id, the one key that fits.
    #[must_use]
    pub fn select(&self, kid: Option<&str>, algorithm: Algorithm) -> Selection<'_> {
        let mut named = self.0.iter().filter(|key| kid.is_none() || key.kid.as_deref() == kid).peekable();
        if named.peek().is_none() {
            return Selection::Unknown;
        }
        let mut fitting = named.filter(|key| key.fits(algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Selection::Key(key),
            // Trying each would let a set that repeats an id multiply the price of a forged token.
            (Some(_), Some(_)) => Selection::Unfit("several keys fit"),
            (None, _) if kid.is_some() => Selection::Unfit("the key of this kid does not serve this alg"),
            (None, _) => Selection::Unknown,
        }
    }

    /// Whether this very key, not just one of the same id, is still in the set.
    #[must_use]
    pub fn holds(&self, key: &Key) -> bool {
        self.0.iter().any(|held| **held == *key)
    }
}

impl Key {
    /// Reads one JWK. None if it cannot or must not check access tokens.
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
            Some(name) => Some(Algorithm::named(name?).filter(|algorithm| public.serves(*algorithm))?),
        };
        let kid = match text("kid") {
            None => None,
            Some(kid) => Some(kid?.to_owned()),
        };
        Some(Self { kid, algorithm, public })
    }

    /// Whether it may check tokens of that `alg`: the key decides, not the token (RFC 8725 section 3.1).
    #[must_use]
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        self.algorithm.map_or_else(|| self.public.serves(algorithm), |bound| bound == algorithm)
    }

    /// The key itself.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }
}

/// The public part of a JWK, if it is of a kind that checks signatures.
fn public_key(jwk: &Value) -> Option<PublicKey> {
    let text = |name: &str| jwk.get(name)?.as_str();
    let number = |name: &str| decode(text(name)?);
    match (text("kty")?, text("crv")) {
        ("EC", Some("P-256")) => PublicKey::ec(Curve::P256, &number("x")?, &number("y")?),
        ("EC", Some("P-384")) => PublicKey::ec(Curve::P384, &number("x")?, &number("y")?),
        ("RSA", _) => PublicKey::rsa(&number("n")?, &number("e")?),
        ("OKP", Some("Ed25519")) => PublicKey::ed25519(&number("x")?),
        _ => None, // "oct" is a secret, which no one publishes
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;
    use crate::signature::Algorithm::{EdDsa, Es256, Es384, Ps256, Rs256, Rs384};

    const N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

    /// A key as Logto publishes its default kind.
    fn p384() -> Value {
        json!({
            "kty": "EC", "use": "sig", "kid": "p384", "alg": "ES384", "crv": "P-384",
            "x": "CLuafdEslmPx7fVU3Vjn2MzfRMVBBWPzzpYtw-qNPEbOkG8nstg6_ur5TpSRBtBv",
            "y": "qFipAsh1tbALcfBwPKycEg0DZBfToitJekfXThx277Vk4DecyMfNdMt1uI-2Thi5",
        })
    }

    /// Another one of that kind.
    fn other_p384() -> Value {
        json!({
            "kty": "EC", "use": "sig", "kid": "other", "alg": "ES384", "crv": "P-384",
            "x": "TUbqZ2qZlKO6TtfoaCkQLQ_iiu8XfV5Ld6e17EUl-xRn4VUTH5LmUY-6W6zLzn6C",
            "y": "VgawdcmsbST1jlSl_grtP-8iMIqdvv5RJqo9_-vpcXNlAaISLTVGEWBdnH0aRsGP",
        })
    }

    /// RFC 7517 appendix A.1.
    fn p256() -> Value {
        json!({
            "kty": "EC", "kid": "p256", "crv": "P-256",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        })
    }

    /// RFC 7517 appendix A.1, with the members that Logto publishes: no `alg`.
    fn rsa() -> Value {
        json!({ "kty": "RSA", "use": "sig", "kid": "rsa", "n": N, "e": "AQAB" })
    }

    /// RFC 8037 appendix A.2.
    fn ed25519() -> Value {
        json!({
            "kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        })
    }

    /// A key with some members set to something else, or, with null, left out.
    fn with(mut key: Value, members: Value) -> Value {
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

    /// A set of one usable key with that id.
    pub(crate) fn set(kid: &str) -> KeySet {
        KeySet::from_json(&json!({ "keys": [with(p384(), json!({ "kid": kid }))] })).unwrap()
    }

    /// A set of that one's key.
    pub(crate) fn key(kid: &str) -> Arc<Key> {
        set(kid).0[0].clone()
    }

    fn keys(keys: &[Value]) -> Result<KeySet, String> {
        KeySet::from_json(&json!({ "keys": keys }))
    }

    #[track_caller]
    fn skips(key: Value) {
        assert_eq!(keys(&[key]).map(|set| set.len()), Err("no usable key among 1".into()));
    }

    #[track_caller]
    fn keeps(key: Value) {
        assert_eq!(keys(&[key]).map(|set| set.len()), Ok(1));
    }

    #[track_caller]
    fn refuses(body: &[u8], reason: &str) {
        assert_eq!(KeySet::parse(body).map(|set| set.len()), Err(reason.into()));
    }

    #[track_caller]
    fn selects(set: &KeySet, kid: Option<&str>, algorithm: Algorithm, expected: &str) {
        match set.select(kid, algorithm) {
            Selection::Key(key) => assert_eq!(key.kid.as_deref(), Some(expected)),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn knows_not(set: &KeySet, kid: Option<&str>, algorithm: Algorithm) {
        assert!(matches!(set.select(kid, algorithm), Selection::Unknown), "{:?}", set.select(kid, algorithm));
    }

    #[track_caller]
    fn unfit(set: &KeySet, kid: Option<&str>, algorithm: Algorithm, reason: &str) {
        assert!(
            matches!(set.select(kid, algorithm), Selection::Unfit(given) if given == reason),
            "{:?}",
            set.select(kid, algorithm)
        );
    }

    #[test]
    fn each_kind_of_key_serves_its_own_algorithms() {
        let set = keys(&[p384(), p256(), rsa(), ed25519()]).unwrap();
        for (kid, fitting) in
            [("p384", &[Es384][..]), ("p256", &[Es256]), ("rsa", &[Rs256, Rs384, Ps256]), ("ed", &[EdDsa])]
        {
            for algorithm in [Es384, Es256, Rs256, Rs384, Ps256, EdDsa] {
                if fitting.contains(&algorithm) {
                    selects(&set, Some(kid), algorithm, kid);
                } else {
                    unfit(&set, Some(kid), algorithm, "the key of this kid does not serve this alg");
                }
            }
        }
    }

    #[test]
    fn the_alg_of_a_key_ties_it_to_one_algorithm() {
        let set = keys(&[with(rsa(), json!({ "alg": "RS256" }))]).unwrap();
        selects(&set, Some("rsa"), Rs256, "rsa");
        unfit(&set, Some("rsa"), Rs384, "the key of this kid does not serve this alg");
        unfit(&set, Some("rsa"), Ps256, "the key of this kid does not serve this alg");
    }

    #[test]
    fn a_key_whose_alg_is_not_its_kinds_is_skipped() {
        for alg in ["ES256", "RS256", "EdDSA", "HS384", "none", "es384", "ECDH-ES", ""] {
            skips(with(p384(), json!({ "alg": alg })));
        }
        for alg in ["ES384", "HS256", "RSA-OAEP", "EdDSA"] {
            skips(with(rsa(), json!({ "alg": alg })));
        }
        skips(with(p384(), json!({ "alg": 384 })));
        skips(with(p384(), json!({ "alg": ["ES384"] })));
    }

    #[test]
    fn a_symmetric_key_is_skipped() {
        skips(json!({ "kty": "oct", "kid": "k", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I" }));
        skips(json!({ "kty": "oct", "kid": "k", "alg": "HS256", "k": N }));
    }

    #[test]
    fn a_published_private_key_is_skipped() {
        skips(with(p384(), json!({ "d": "AQ" })));
        skips(with(rsa(), json!({ "d": "" })));
        skips(with(ed25519(), json!({ "d": 1 })));
    }

    #[test]
    fn a_key_whose_private_part_stands_in_the_set_is_skipped_wherever_it_stands() {
        for private in
            [with(p384(), json!({ "d": "AQ" })), with(p384(), json!({ "d": "AQ", "kid": "x", "use": "enc" }))]
        {
            assert!(keys(&[p384(), private.clone()]).is_err());
            let set = keys(&[private, p384(), rsa()]).unwrap();
            knows_not(&set, Some("p384"), Es384);
            selects(&set, Some("rsa"), Rs256, "rsa");
        }
    }

    #[test]
    fn a_key_for_something_else_than_signatures_is_skipped() {
        for usage in [json!("enc"), json!("SIG"), json!(""), json!(1), json!(["sig"])] {
            skips(with(p384(), json!({ "use": usage })));
        }
        keeps(with(p384(), json!({ "use": null })));
    }

    #[test]
    fn a_key_whose_key_ops_do_not_allow_verify_is_skipped() {
        for operations in [json!([]), json!(["sign"]), json!(["encrypt", "wrapKey"]), json!("verify"), json!({})] {
            skips(with(p384(), json!({ "key_ops": operations })));
        }
        keeps(with(p384(), json!({ "key_ops": ["sign", "verify"] })));
    }

    #[test]
    fn a_key_of_an_unknown_kind_or_curve_is_skipped() {
        for kty in [json!("ec"), json!("AKP"), json!("OKP"), json!("RSA"), json!(null), json!(1), json!("")] {
            skips(with(p384(), json!({ "kty": kty })));
        }
        for crv in [json!("P-521"), json!("secp256k1"), json!("p-384"), json!("Ed25519"), json!(null), json!(384)] {
            skips(with(p384(), json!({ "crv": crv, "alg": null })));
        }
        for crv in ["Ed448", "X25519", "P-256"] {
            skips(with(ed25519(), json!({ "crv": crv })));
        }
    }

    #[test]
    fn a_point_that_is_not_on_the_curve_is_skipped() {
        skips(with(p384(), json!({ "y": other_p384()["y"] })));
        skips(with(p256(), json!({ "x": p256()["y"], "y": p256()["x"] })));
        let zero = "A".repeat(64);
        skips(with(p384(), json!({ "x": zero, "y": zero })));
    }

    #[test]
    fn a_key_of_another_curve_is_skipped() {
        skips(with(p384(), json!({ "crv": "P-256", "alg": null })));
        skips(with(p256(), json!({ "crv": "P-384" })));
    }

    #[test]
    fn coordinates_have_the_full_length() {
        let (x, y) = (p384()["x"].as_str().unwrap().to_owned(), p384()["y"].as_str().unwrap().to_owned());
        skips(with(p384(), json!({ "x": format!("AAAA{x}") })));
        skips(with(p384(), json!({ "x": x[4..], "y": y })));
        skips(with(p384(), json!({ "x": x[..60], "y": y })));
        skips(with(ed25519(), json!({ "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ" })));
    }

    #[test]
    fn numbers_are_strict_base64url() {
        for (name, bad) in
            [("x", json!(null)), ("x", json!("")), ("y", json!(1)), ("x", json!("+/+/")), ("y", json!({}))]
        {
            skips(with(p384(), json!({ name: bad })));
        }
        skips(with(rsa(), json!({ "n": format!("{N}==") })));
        skips(with(rsa(), json!({ "n": format!(" {N}") })));
        skips(with(rsa(), json!({ "e": "AQAB=" })));
        skips(with(rsa(), json!({ "e": null })));
    }

    #[test]
    fn rsa_is_of_2048_to_8192_bits() {
        let modulus = |bytes: usize, first: u8| {
            use base64::Engine;
            let mut number = vec![0x55; bytes];
            number[0] = first;
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(number)
        };
        keeps(with(rsa(), json!({ "n": modulus(256, 0x80) })));
        skips(with(rsa(), json!({ "n": modulus(256, 0x7f) }))); // 2047 bits
        skips(with(rsa(), json!({ "n": modulus(128, 0x80) })));
        keeps(with(rsa(), json!({ "n": modulus(1024, 0xff) })));
        skips(with(rsa(), json!({ "n": modulus(1025, 0x01) }))); // 8193 bits
        skips(with(rsa(), json!({ "n": modulus(2048, 0xff) })));
        skips(with(rsa(), json!({ "n": modulus(257, 0x00) })));
    }

    #[test]
    fn an_rsa_modulus_is_odd() {
        let even = format!("{}g", &N[..N.len() - 1]); // the last character stands for the last two bits: 11, now 10
        skips(with(rsa(), json!({ "n": even })));
    }

    #[test]
    fn an_rsa_exponent_is_odd_above_1_and_small() {
        for bad in ["AQ", "AA", "Ag", "AAEAAQ", "AQAA", "AQAAAAAB"] {
            skips(with(rsa(), json!({ "e": bad }))); // 1, 0, 2, leading zero, 65536, 41 bits
        }
        for good in ["Aw", "AQAB"] {
            keeps(with(rsa(), json!({ "e": good })));
        }
    }

    #[test]
    fn a_kid_is_a_string_or_absent() {
        for kid in [json!(1), json!([]), json!({}), json!(true)] {
            skips(with(p384(), json!({ "kid": kid })));
        }
        keeps(with(p384(), json!({ "kid": null })));
    }

    #[test]
    fn a_bad_key_is_skipped_and_the_set_stays() {
        let set = keys(&[json!(null), json!("key"), json!({}), with(p384(), json!({ "use": "enc" })), rsa()]).unwrap();
        assert_eq!(set.len(), 1);
        assert!(!set.is_empty());
        selects(&set, Some("rsa"), Rs256, "rsa");
    }

    #[test]
    fn private_or_unknown_members_beside_a_key_do_not_matter() {
        keeps(with(p384(), json!({ "x5c": ["AAAA"], "x5u": "https://evil.test", "ext": true, "iat": 1 })));
    }

    #[test]
    fn ids_are_compared_whole() {
        let set = keys(&[p384(), other_p384()]).unwrap();
        selects(&set, Some("p384"), Es384, "p384");
        for kid in ["P384", "p38", "p3844", " p384", "p384\0", "", "__proto__", "p384' OR '1'='1", "../../p384"] {
            knows_not(&set, Some(kid), Es384);
        }
        knows_not(&set, Some(&"k".repeat(10_000)), Es384);
    }

    #[test]
    fn an_id_is_only_found_where_it_is_published() {
        knows_not(&keys(&[with(p384(), json!({ "kid": null }))]).unwrap(), Some("p384"), Es384);
    }

    #[test]
    fn without_an_id_the_one_key_that_fits_is_selected() {
        let set = keys(&[p384(), rsa()]).unwrap();
        selects(&set, None, Es384, "p384");
        selects(&set, None, Rs256, "rsa");
        knows_not(&set, None, Es256);
        unfit(&keys(&[p384(), other_p384()]).unwrap(), None, Es384, "several keys fit");
    }

    #[test]
    fn of_two_keys_with_one_id_the_one_that_fits_is_selected() {
        let set = keys(&[p384(), with(rsa(), json!({ "kid": "p384" }))]).unwrap();
        assert_eq!(set.len(), 2);
        selects(&set, Some("p384"), Es384, "p384");
        selects(&set, Some("p384"), Rs256, "p384");
    }

    #[test]
    fn two_keys_with_one_id_that_both_fit_are_ambiguous() {
        let set = keys(&[p384(), with(other_p384(), json!({ "kid": "p384" }))]).unwrap();
        unfit(&set, Some("p384"), Es384, "several keys fit");
    }

    #[test]
    fn a_key_that_is_listed_twice_counts_once() {
        let set = keys(&[p384(), p384(), with(p384(), json!({ "x5t": "other" }))]).unwrap();
        assert_eq!(set.len(), 1);
        selects(&set, None, Es384, "p384");
    }

    #[test]
    fn a_set_holds_a_key_only_as_it_was() {
        let held = keys(&[p384(), rsa()]).unwrap();
        assert!(held.holds(&keys(&[p384()]).unwrap().0[0]));
        for changed in [
            with(p384(), json!({ "kid": "renamed" })),
            with(p384(), json!({ "alg": null })),
            with(other_p384(), json!({ "kid": "p384" })),
            with(rsa(), json!({ "alg": "RS256" })),
            with(rsa(), json!({ "e": "Aw" })),
        ] {
            assert!(!held.holds(&keys(&[changed]).unwrap().0[0]));
        }
    }

    #[test]
    fn more_than_64_keys_are_refused_usable_or_not() {
        let listed =
            |count: usize| (0..count).map(|n| with(p384(), json!({ "kid": format!("{n}") }))).collect::<Vec<_>>();
        assert_eq!(keys(&listed(64)).map(|set| set.len()), Ok(64));
        assert_eq!(keys(&listed(65)).map(|set| set.len()), Err("65 keys, more than 64".into()));
        let padded: Vec<Value> = listed(1).into_iter().chain(vec![json!({}); 64]).collect();
        assert_eq!(keys(&padded).map(|set| set.len()), Err("65 keys, more than 64".into()));
    }

    #[test]
    fn what_is_no_key_set_is_refused() {
        for page in ["", "<!doctype html><title>Sign in</title>", "{\"keys\":[", "keys", "\u{feff}{\"keys\":[]}"] {
            refuses(page.as_bytes(), "the answer is not JSON");
        }
        refuses(b"{\"keys\":[\"\xff\"]}", "the answer is not JSON");
        refuses(format!("{{\"keys\":{}", "[".repeat(100_000)).as_bytes(), "the answer is not JSON");
        for other in
            ["null", "[]", "1", "{}", "{\"keys\":null}", "{\"keys\":{}}", "{\"keys\":\"p384\"}", "{\"Keys\":[]}"]
        {
            refuses(other.as_bytes(), "not a JWK Set: no array \"keys\"");
        }
        refuses(b"{\"keys\":[]}", "no usable key among 0");
    }
}
