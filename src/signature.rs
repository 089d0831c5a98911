//! Algorithms, public keys and signature verification. This is the only file that imports cryptographic crates.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use jsonwebtoken::DecodingKey;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;

/// The accepted lengths of an RSA modulus, in bits. RFC 7518 section 3.3 requires at least 2048 bits. The maximum
/// length limits the verification time, which grows with the square of the modulus length.
const RSA_MODULUS_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Maximum size of an encoded RSA key whose signatures are fast to verify: a 3,072-bit modulus and the exponent.
const MAX_FAST_RSA_KEY_BYTES: usize = 3072 / 8 + 16;

/// The supported signature algorithms (RFC 7518 section 3.1, RFC 8037, RFC 9864). Symmetric algorithms are not
/// supported, because anyone could sign tokens if a public key were used as a secret (RFC 8725 section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-384 with SHA-384, Logto's default.
    Es384,
    /// RSASSA-PKCS1-v1_5 with SHA-256, which Logto uses with RSA keys.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// `EdDSA`, a name that covers several curves, of which only Ed25519 is supported.
    EdDsa,
    /// `EdDSA` with Ed25519, under its name in RFC 9864.
    Ed25519,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
}

use Algorithm::{Ed25519, EdDsa, Es256, Es384, Es512, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};

impl Algorithm {
    /// The length of a signature in bytes, unless the length depends on the key.
    #[must_use]
    pub const fn signature_bytes(self) -> Option<usize> {
        match self {
            Es256 | EdDsa | Ed25519 => Some(64),
            Es384 => Some(96),
            Es512 => Some(132),
            Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512 => None,
        }
    }

    /// Every algorithm with its `alg` name.
    pub const ALL: [(&'static str, Self); 11] = [
        ("ES384", Es384),
        ("RS256", Rs256),
        ("ES256", Es256),
        ("ES512", Es512),
        ("EdDSA", EdDsa),
        ("Ed25519", Ed25519),
        ("RS384", Rs384),
        ("RS512", Rs512),
        ("PS256", Ps256),
        ("PS384", Ps384),
        ("PS512", Ps512),
    ];

    /// The algorithm with this `alg` name, which is case-sensitive (RFC 7515 section 4.1.1).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find_map(|(known, algorithm)| (known == name).then_some(algorithm))
    }

    /// The `alg` name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find_map(|(name, algorithm)| (algorithm == self).then_some(name)).unwrap_or_default()
    }

    /// The corresponding algorithm in the `jsonwebtoken` crate. We use this crate to verify all RSA signatures except
    /// RS256.
    const fn jsonwebtoken_algorithm(self) -> Option<jsonwebtoken::Algorithm> {
        Some(match self {
            Rs384 => jsonwebtoken::Algorithm::RS384,
            Rs512 => jsonwebtoken::Algorithm::RS512,
            Ps256 => jsonwebtoken::Algorithm::PS256,
            Ps384 => jsonwebtoken::Algorithm::PS384,
            Ps512 => jsonwebtoken::Algorithm::PS512,
            Rs256 | Es256 | Es384 | Es512 | EdDsa | Ed25519 => return None,
        })
    }
}

/// Whether `tag` is the HMAC-SHA256 of a message, compared in constant time.
#[must_use]
pub fn is_hmac_sha256(key: &[u8], message: &[u8], tag: &[u8]) -> bool {
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), message, tag).is_ok()
}

/// An elliptic curve, which determines the algorithm (RFC 7518 section 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyType {
    Ec(Curve),
    Rsa,
    Ed25519,
}

/// A valid public key.
#[derive(Clone, Debug)]
pub struct PublicKey {
    key_type: KeyType,
    /// The key as parsed by `aws-lc-rs`, which verifies EC, Ed25519 and RS256 signatures. The key is parsed only once,
    /// because parsing it for every token would make an RSA verification 10 % slower.
    parsed: ParsedPublicKey,
    /// An RSA key as parsed by `jsonwebtoken`, which verifies all RSA signatures except RS256.
    rsa: Option<DecodingKey>,
    /// The encoded key, for comparison with other keys.
    material: Vec<u8>,
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.key_type == other.key_type && self.material == other.material
    }
}

impl PublicKey {
    /// An EC key with these big-endian coordinates. Returns `None` if a coordinate does not have the full length (RFC
    /// 7518 section 6.2.1.2), or if the point is not on the curve.
    #[must_use]
    pub fn ec(curve: Curve, x: &[u8], y: &[u8]) -> Option<Self> {
        let (length, algorithm) = match curve {
            Curve::P256 => (32, &ECDSA_P256_SHA256_FIXED),
            Curve::P384 => (48, &ECDSA_P384_SHA384_FIXED),
            Curve::P521 => (66, &ECDSA_P521_SHA512_FIXED),
        };
        if x.len() != length || y.len() != length {
            return None;
        }
        let point = [&[4], x, y].concat(); // the uncompressed form of SEC 1 section 2.3.3
        let parsed = ParsedPublicKey::new(algorithm, &point).ok()?;
        Some(Self { key_type: KeyType::Ec(curve), parsed, rsa: None, material: point })
    }

    /// An RSA key with this big-endian modulus and exponent. Returns `None` if the modulus is even or does not have
    /// 2048 to 8192 bits, or if the exponent is even, 1, or longer than the library's limit of 33 bits.
    #[must_use]
    pub fn rsa(n: &[u8], e: &[u8]) -> Option<Self> {
        let bits = n.len() * 8 - n.first()?.leading_zeros() as usize;
        let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
        let has_small_exponent = e.len() <= 5 && e != [1] && e.first() != Some(&0);
        let is_unpadded = n.first() != Some(&0); // RFC 7518 section 6.3.1.1: no leading zero octets
        if !(is_unpadded && RSA_MODULUS_BITS.contains(&bits) && is_odd(n) && is_odd(e) && has_small_exponent) {
            return None;
        }
        Some(Self {
            key_type: KeyType::Rsa,
            parsed: RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()?,
            rsa: Some(DecodingKey::from_rsa_raw_components(n, e)),
            // The encoded key starts with the length of the modulus, which shows where the modulus ends and the
            // exponent begins.
            material: [&n.len().to_be_bytes(), n, e].concat(),
        })
    }

    /// An Ed25519 key (RFC 8037 section 2) with these 32 octets. Returns `None` if the key is invalid.
    #[must_use]
    pub fn ed25519(x: &[u8]) -> Option<Self> {
        if x.len() != 32 {
            return None;
        }
        let parsed = ParsedPublicKey::new(&ED25519, x).ok()?;
        Some(Self { key_type: KeyType::Ed25519, parsed, rsa: None, material: x.to_vec() })
    }

    /// Whether keys of this type can be used with an algorithm. An EC key supports one algorithm, an Ed25519 key
    /// supports one algorithm under two names, and an RSA key supports all RSA algorithms.
    #[must_use]
    pub fn supports(&self, algorithm: Algorithm) -> bool {
        match self.key_type {
            KeyType::Ec(Curve::P256) => algorithm == Es256,
            KeyType::Ec(Curve::P384) => algorithm == Es384,
            KeyType::Ec(Curve::P521) => algorithm == Es512,
            KeyType::Ed25519 => matches!(algorithm, EdDsa | Ed25519),
            KeyType::Rsa => matches!(algorithm, Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512),
        }
    }

    /// Whether concurrent verifications should be spread over several threads. A P-384 verification takes 150 µs, a
    /// P-521 verification takes longer, and the other slow algorithms take 35 to 60 µs. Moving a verification to
    /// another thread and back costs the event loop about 5 µs. A verification with an RSA key of the usual length
    /// takes only 15 µs.
    #[must_use]
    pub fn is_slow(&self) -> bool {
        self.key_type != KeyType::Rsa || self.material.len() > MAX_FAST_RSA_KEY_BYTES
    }

    /// Whether the signature of a message is valid. In a JWT, an ECDSA signature is the concatenation of R and S (RFC
    /// 7518 section 3.4) rather than a DER structure.
    #[must_use]
    pub fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &Vec<u8>) -> bool {
        if !self.supports(algorithm) {
            return false;
        }
        match algorithm.jsonwebtoken_algorithm() {
            Some(algorithm) => self.rsa.as_ref().is_some_and(|key| {
                (DEFAULT_PROVIDER.verifier_factory)(&algorithm, key)
                    .is_ok_and(|verifier| verifier.verify(message, signature).is_ok())
            }),
            None => self.parsed.verify_sig(message, signature).is_ok(),
        }
    }
}

/// A SHA-256 digest.
pub type Digest = [u8; 32];

/// Computes the SHA-256 digest of some bytes.
#[must_use]
pub fn digest(bytes: &[u8]) -> Digest {
    let mut digest = Digest::default();
    digest.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref());
    digest
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    /// The JWS of RFC 7515 appendix A.3, with the key of appendix A.3.1.
    const MESSAGE: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    const SIGNATURE: &str = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

    fn octets(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    fn p256() -> PublicKey {
        let x = octets("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
        PublicKey::ec(Curve::P256, &x, &octets("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")).unwrap()
    }

    #[test]
    fn accepts_a_signature_for_its_own_message_only() {
        let signature = octets(SIGNATURE);
        assert!(p256().verifies(Es256, MESSAGE.as_bytes(), &signature));
        assert!(!p256().verifies(Es256, &MESSAGE.as_bytes()[1..], &signature));
        assert!(!p256().verifies(Es256, b"", &signature));
        for bit in 0..signature.len() * 8 {
            let mut changed_signature = signature.clone();
            changed_signature[bit / 8] ^= 1 << (bit % 8);
            assert!(!p256().verifies(Es256, MESSAGE.as_bytes(), &changed_signature), "bit {bit}");
        }
    }

    #[test]
    fn rejects_a_signature_of_another_length() {
        let signature = octets(SIGNATURE);
        for other in [vec![], vec![0; 64], signature[..63].to_vec(), [signature.as_slice(), &[0]].concat()] {
            assert!(!p256().verifies(Es256, MESSAGE.as_bytes(), &other));
        }
    }

    #[test]
    fn rejects_algorithms_that_the_key_does_not_support() {
        for (_, algorithm) in Algorithm::ALL.into_iter().filter(|(_, algorithm)| *algorithm != Es256) {
            assert!(!p256().supports(algorithm));
            assert!(!p256().verifies(algorithm, MESSAGE.as_bytes(), &octets(SIGNATURE)));
        }
    }

    #[test]
    fn algorithm_names_are_case_sensitive() {
        for (name, algorithm) in Algorithm::ALL {
            assert_eq!(Algorithm::from_name(name), Some(algorithm));
            assert_eq!(Algorithm::from_name(&name.to_ascii_lowercase()), None);
        }
        for name in [
            "", "none", "NonE", "HS256", "HS384", "HS512", "ES521", "Ed448", "ES256K", "RSA1_5", "ES384 ", "EDDSA",
            "ed25519",
        ] {
            assert_eq!(Algorithm::from_name(name), None, "{name}");
        }
    }

    #[test]
    fn keys_differ_in_type_or_material() {
        assert_eq!(p256(), p256());
        assert_ne!(p256(), PublicKey::ed25519(&octets("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")).unwrap());
        let rsa = |n: &[u8], e: &[u8]| PublicKey::rsa(n, e).unwrap();
        let modulus = |last: u8| [&[0x80; 255], &[last][..]].concat();
        assert_eq!(rsa(&modulus(1), &[3]), rsa(&modulus(1), &[3]));
        assert_ne!(rsa(&modulus(1), &[3]), rsa(&modulus(3), &[3]));
        assert_ne!(rsa(&modulus(1), &[3]), rsa(&modulus(1), &[5]));
    }

    #[test]
    fn rsa_keys_with_the_same_concatenation_of_modulus_and_exponent_differ() {
        let octets = [&[0x81; 256], &[1, 3][..]].concat();
        let (long_modulus, short_modulus) =
            (PublicKey::rsa(&octets[..257], &[3]), PublicKey::rsa(&octets[..256], &[1, 3]));
        assert!(long_modulus.is_some() && short_modulus.is_some());
        assert_ne!(long_modulus, short_modulus);
    }

    #[test]
    fn rejects_keys_of_the_wrong_length() {
        assert!(PublicKey::ec(Curve::P256, &[1; 31], &[1; 33]).is_none());
        assert!(PublicKey::ec(Curve::P384, &[1; 48], &[1; 48]).is_none());
        assert!(PublicKey::ec(Curve::P256, &[], &[]).is_none());
        assert!(PublicKey::ec(Curve::P521, &[1; 65], &[1; 67]).is_none());
        assert!(PublicKey::ed25519(&[1; 31]).is_none());
        assert!(PublicKey::rsa(&[], &[]).is_none());
    }

    #[test]
    fn digests_are_sha_256() {
        let empty_digest = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"; // FIPS 180-4, for the empty message
        assert_eq!(URL_SAFE_NO_PAD.encode(digest(b"")), empty_digest);
    }
}
