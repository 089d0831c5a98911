//! Algorithms, public keys and the signature check: the only file that names the crypto crates.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey};
use jsonwebtoken::DecodingKey;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;

/// Least and greatest length of an RSA modulus in bits: RFC 7518 section 3.3 asks for 2048, and the time a
/// check takes grows with the square of the length.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The signature algorithms that can be accepted (RFC 7518 section 3.1, RFC 8037). None is symmetric: with a
/// public key taken for a secret, anybody could sign (RFC 8725 section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-384 with SHA-384: Logto's default.
    Es384,
    /// RSASSA-PKCS1-v1_5 with SHA-256: what Logto signs with an RSA key.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// `EdDSA` on Curve25519.
    EdDsa,
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

use Algorithm::{EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};

impl Algorithm {
    /// Every algorithm, under its `alg` name.
    pub const ALL: [(&'static str, Self); 9] = [
        ("ES384", Es384),
        ("RS256", Rs256),
        ("ES256", Es256),
        ("EdDSA", EdDsa),
        ("RS384", Rs384),
        ("RS512", Rs512),
        ("PS256", Ps256),
        ("PS384", Ps384),
        ("PS512", Ps512),
    ];

    /// The algorithm of that `alg` name, which is case-sensitive (RFC 7515 section 4.1.1).
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find_map(|(known, algorithm)| (known == name).then_some(algorithm))
    }

    const fn implementation(self) -> jsonwebtoken::Algorithm {
        match self {
            Es384 => jsonwebtoken::Algorithm::ES384,
            Rs256 => jsonwebtoken::Algorithm::RS256,
            Es256 => jsonwebtoken::Algorithm::ES256,
            EdDsa => jsonwebtoken::Algorithm::EdDSA,
            Rs384 => jsonwebtoken::Algorithm::RS384,
            Rs512 => jsonwebtoken::Algorithm::RS512,
            Ps256 => jsonwebtoken::Algorithm::PS256,
            Ps384 => jsonwebtoken::Algorithm::PS384,
            Ps512 => jsonwebtoken::Algorithm::PS512,
        }
    }
}

/// A curve, which fixes the algorithm (RFC 7518 section 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ec(Curve),
    Rsa,
    Ed25519,
}

/// A public key that was checked when it was read.
#[derive(Clone, Debug)]
pub struct PublicKey {
    kind: Kind,
    key: DecodingKey,
    /// The key's numbers as published, by which two keys are told apart.
    material: Vec<u8>,
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.material == other.material
    }
}

impl PublicKey {
    /// A point on a curve, from its big-endian coordinates, which have the curve's full length (RFC 7518
    /// section 6.2.1.2). None if it is not on the curve.
    #[must_use]
    pub fn ec(curve: Curve, x: &[u8], y: &[u8]) -> Option<Self> {
        let (length, algorithm) = match curve {
            Curve::P256 => (32, &ECDSA_P256_SHA256_FIXED),
            Curve::P384 => (48, &ECDSA_P384_SHA384_FIXED),
        };
        let point = [&[4], x, y].concat(); // SEC 1 section 2.3.3: uncompressed
        (x.len() == length && y.len() == length && ParsedPublicKey::new(algorithm, &point).is_ok()).then(|| Self {
            kind: Kind::Ec(curve),
            key: DecodingKey::from_ec_der(&point),
            material: point,
        })
    }

    /// An RSA key from its big-endian modulus and exponent. None if the modulus is even or not of 2048 to 8192
    /// bits, or the exponent is even, 1, or over 33 bits (the library's limit).
    #[must_use]
    pub fn rsa(n: &[u8], e: &[u8]) -> Option<Self> {
        let bits = n.len() * 8 - n.first()?.leading_zeros() as usize;
        let odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
        let small_exponent = e.len() <= 5 && e != [1] && e.first() != Some(&0);
        let minimal = n.first() != Some(&0); // RFC 7518 section 6.3.1.1: no leading zero octets
        (minimal && RSA_BITS.contains(&bits) && odd(n) && odd(e) && small_exponent).then(|| Self {
            kind: Kind::Rsa,
            key: DecodingKey::from_rsa_raw_components(n, e),
            // Where the one ends and the other begins is part of the key.
            material: [&n.len().to_be_bytes(), n, e].concat(),
        })
    }

    /// An Ed25519 key (RFC 8037 section 2) from its 32 octets.
    #[must_use]
    pub fn ed25519(x: &[u8]) -> Option<Self> {
        (x.len() == 32 && ParsedPublicKey::new(&ED25519, x).is_ok()).then(|| Self {
            kind: Kind::Ed25519,
            key: DecodingKey::from_ed_der(x),
            material: x.to_vec(),
        })
    }

    /// Whether this kind of key can serve that algorithm at all: a curve serves one, an RSA key all of RSA's.
    #[must_use]
    pub fn serves(&self, algorithm: Algorithm) -> bool {
        match self.kind {
            Kind::Ec(Curve::P256) => algorithm == Es256,
            Kind::Ec(Curve::P384) => algorithm == Es384,
            Kind::Ed25519 => algorithm == EdDsa,
            Kind::Rsa => matches!(algorithm, Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512),
        }
    }

    /// Whether a check takes so long that it pays to make it on another thread: a P-384 check takes 150 µs,
    /// a hop to a thread and back 10 to 40; RSA, P-256 and Ed25519 are below that hop's price, or near it.
    #[must_use]
    pub fn is_slow(&self) -> bool {
        self.kind == Kind::Ec(Curve::P384)
    }

    /// Whether the signature of that message holds. ECDSA signatures are R and S side by side (RFC 7518
    /// section 3.4), not DER.
    #[must_use]
    pub fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &Vec<u8>) -> bool {
        self.serves(algorithm)
            && (DEFAULT_PROVIDER.verifier_factory)(&algorithm.implementation(), &self.key)
                .is_ok_and(|verifier| verifier.verify(message, signature).is_ok())
    }
}

/// A SHA-256 digest.
pub type Digest = [u8; 32];

/// The SHA-256 digest of that.
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

    /// A JWS of RFC 7515 appendix A.3, by the key of appendix A.3.1.
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
    fn a_signature_holds_for_its_message_only() {
        let signature = octets(SIGNATURE);
        assert!(p256().verifies(Es256, MESSAGE.as_bytes(), &signature));
        assert!(!p256().verifies(Es256, &MESSAGE.as_bytes()[1..], &signature));
        assert!(!p256().verifies(Es256, b"", &signature));
        for bit in 0..signature.len() * 8 {
            let mut other = signature.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!p256().verifies(Es256, MESSAGE.as_bytes(), &other), "bit {bit}");
        }
    }

    #[test]
    fn a_signature_of_another_length_does_not_hold() {
        let signature = octets(SIGNATURE);
        for other in [vec![], vec![0; 64], signature[..63].to_vec(), [signature.as_slice(), &[0]].concat()] {
            assert!(!p256().verifies(Es256, MESSAGE.as_bytes(), &other));
        }
    }

    #[test]
    fn a_key_does_not_verify_for_an_algorithm_that_it_does_not_serve() {
        for (_, algorithm) in Algorithm::ALL.into_iter().filter(|(_, algorithm)| *algorithm != Es256) {
            assert!(!p256().serves(algorithm));
            assert!(!p256().verifies(algorithm, MESSAGE.as_bytes(), &octets(SIGNATURE)));
        }
    }

    #[test]
    fn algorithms_are_named_to_the_letter() {
        for (name, algorithm) in Algorithm::ALL {
            assert_eq!(Algorithm::named(name), Some(algorithm));
            assert_eq!(Algorithm::named(&name.to_ascii_lowercase()), None);
        }
        for name in ["", "none", "NonE", "HS256", "HS384", "HS512", "ES512", "ES256K", "RSA1_5", "ES384 ", "EDDSA"] {
            assert_eq!(Algorithm::named(name), None, "{name}");
        }
    }

    #[test]
    fn keys_are_told_apart_by_kind_and_material() {
        assert_eq!(p256(), p256());
        assert_ne!(p256(), PublicKey::ed25519(&octets("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")).unwrap());
        let rsa = |n: &[u8], e: &[u8]| PublicKey::rsa(n, e).unwrap();
        let modulus = |last: u8| [&[0x80; 255], &[last][..]].concat();
        assert_eq!(rsa(&modulus(1), &[3]), rsa(&modulus(1), &[3]));
        assert_ne!(rsa(&modulus(1), &[3]), rsa(&modulus(3), &[3]));
        assert_ne!(rsa(&modulus(1), &[3]), rsa(&modulus(1), &[5]));
    }

    #[test]
    fn an_rsa_modulus_and_exponent_do_not_flow_into_one_another() {
        let octets = [&[0x81; 256], &[1, 3][..]].concat();
        let (longer, shorter) = (PublicKey::rsa(&octets[..257], &[3]), PublicKey::rsa(&octets[..256], &[1, 3]));
        assert!(longer.is_some() && shorter.is_some());
        assert_ne!(longer, shorter);
    }

    #[test]
    fn a_curve_point_has_the_length_of_its_curve() {
        assert!(PublicKey::ec(Curve::P256, &[1; 31], &[1; 33]).is_none());
        assert!(PublicKey::ec(Curve::P384, &[1; 48], &[1; 48]).is_none());
        assert!(PublicKey::ec(Curve::P256, &[], &[]).is_none());
        assert!(PublicKey::ed25519(&[1; 31]).is_none());
        assert!(PublicKey::rsa(&[], &[]).is_none());
    }

    #[test]
    fn a_digest_is_sha_256() {
        let empty = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"; // FIPS 180-4, of no octets
        assert_eq!(URL_SAFE_NO_PAD.encode(digest(b"")), empty);
    }
}
