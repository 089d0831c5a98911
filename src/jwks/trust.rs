//! The certificates to trust when fetching keys.

use std::io::ErrorKind;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The trust anchors, and advice for operators whose certificate authority is not among them.
pub struct TrustAnchors {
    /// The trust anchors.
    pub roots: RootCertStore,
    /// The advice on trusting another certificate authority.
    pub advice: String,
}

impl TrustAnchors {
    /// The trust anchors of Mozilla, the system and `NODE_EXTRA_CA_CERTS`. Slim containers have no system trust
    /// anchors. Like Node, this function skips certificates that cannot be parsed.
    pub fn from_environment() -> Self {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let file = std::env::var_os("NODE_EXTRA_CA_CERTS").filter(|file| !file.is_empty());
        let advice = match file.map(|file| read_extra_certificates(file.as_ref())) {
            None => "If it is a private authority, set NODE_EXTRA_CA_CERTS to a file with its certificate".into(),
            Some(Ok(certificates)) => {
                roots.add_parsable_certificates(certificates);
                "The file in NODE_EXTRA_CA_CERTS does not contain the certificate of this authority".into()
            }
            Some(Err(problem)) => format!("NODE_EXTRA_CA_CERTS has no effect, because its file {problem}"),
        };
        Self { roots, advice }
    }

    /// Trusts only the certificates in this PEM string.
    ///
    /// Returns `None` if the string contains no certificate, or one that cannot be parsed.
    pub fn from_pem(pem: &str) -> Option<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(without_byte_order_mark(pem.as_bytes())) {
            roots.add(certificate.ok()?).ok()?;
        }
        let advice = "The option jwksCa does not contain the certificate of this authority".into();
        (!roots.is_empty()).then_some(Self { roots, advice })
    }
}

/// The certificates in a PEM file, or a description of the problem with the file.
fn read_extra_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = std::fs::read(file).map_err(|error| match error.kind() {
        ErrorKind::NotFound => "does not exist".to_owned(),
        _ => format!("cannot be read ({error})"),
    })?;
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(without_byte_order_mark(&bytes)).filter_map(Result::ok).collect();
    if !certificates.is_empty() {
        return Ok(certificates);
    }
    let is_indented = String::from_utf8_lossy(&bytes)
        .lines()
        .any(|line| line.starts_with([' ', '\t']) && line.trim_start().starts_with("-----BEGIN "));
    Err(if read_names(&bytes).is_some() {
        "is in DER format: convert it with `openssl x509 -inform der -in <file> -out <file>.pem`".into()
    } else if is_indented {
        "is indented: PEM lines must not start with white space".into()
    } else if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        "is encoded in UTF-16: save it as UTF-8".into()
    } else if bytes.is_empty() {
        "is empty".into()
    } else {
        "contains no certificate in PEM format".into()
    })
}

fn without_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}

/// The parts of a certificate (RFC 5280 section 4.1) that can explain a rejection.
pub struct CertificateNames<'a> {
    /// Whether this is an X.509 version 1 certificate, which has no extensions and therefore no hostnames.
    pub is_version_1: bool,
    /// The DER-encoded name of the issuer.
    pub issuer: &'a [u8],
    /// The DER-encoded name of the subject.
    pub subject: &'a [u8],
}

/// Reads the names in a DER-encoded certificate, which are used only to select error messages.
pub fn read_names(der: &[u8]) -> Option<CertificateNames<'_>> {
    const SEQUENCE_TAG: u8 = 0x30;
    const INTEGER_TAG: u8 = 0x02;
    const VERSION_TAG: u8 = 0xa0;
    let (certificate, _) = read_element(der, SEQUENCE_TAG)?;
    let (rest, _) = read_element(certificate, SEQUENCE_TAG)?;
    let (is_version_1, rest) = read_element(rest, VERSION_TAG).map_or((true, rest), |(_, rest)| (false, rest));
    let (_, rest) = read_element(rest, INTEGER_TAG)?;
    let (_, rest) = read_element(rest, SEQUENCE_TAG)?;
    let (issuer, rest) = read_element(rest, SEQUENCE_TAG)?;
    let (_, rest) = read_element(rest, SEQUENCE_TAG)?;
    let (subject, _) = read_element(rest, SEQUENCE_TAG)?;
    Some(CertificateNames { is_version_1, issuer, subject })
}

/// The content of the first DER element, if the element has this tag, and the bytes after the element.
fn read_element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&actual_tag, rest) = der.split_first()?;
    let (&length_byte, rest) = rest.split_first()?;
    let (length, rest) = if length_byte < 0x80 {
        (usize::from(length_byte), rest)
    } else {
        let (bytes, rest) =
            rest.split_at_checked(usize::from(length_byte & 0x7f)).filter(|(bytes, _)| bytes.len() <= 4)?;
        (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
    };
    rest.split_at_checked(length).filter(|_| actual_tag == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_certificates_have_no_names() {
        for der in
            [&b""[..], b"0", b"0\x84\xff\xff\xff\xff", b"0\x8f", b"0\x02\x30\x00", b"-----BEGIN CERTIFICATE-----"]
        {
            assert!(read_names(der).is_none(), "{der:?}");
        }
    }

    #[test]
    fn jwks_ca_requires_at_least_one_certificate_and_no_invalid_one() {
        for pem in
            ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "-----BEGIN CERTIFICATE-----"]
        {
            assert!(TrustAnchors::from_pem(pem).is_none(), "{pem}");
        }
    }

    #[test]
    fn names_what_is_wrong_with_a_file() {
        let file = std::env::temp_dir().join(format!("logto-authkit-{}.pem", std::process::id()));
        let problem = |bytes: &[u8]| {
            std::fs::write(&file, bytes).unwrap();
            let problem = read_extra_certificates(&file).unwrap_err();
            std::fs::remove_file(&file).unwrap();
            problem
        };
        assert_eq!(problem(b""), "is empty");
        assert_eq!(problem(b"hello"), "contains no certificate in PEM format");
        assert!(problem(b"  -----BEGIN CERTIFICATE-----\n  AAAA\n  -----END CERTIFICATE-----").contains("indented"));
        assert!(problem(b"\xff\xfe-\0-\0").contains("UTF-16"));
        assert_eq!(read_extra_certificates(&file).unwrap_err(), "does not exist");
    }
}
