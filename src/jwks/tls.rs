//! TLS for fetching keys: verifies server certificates and describes every failure in an error message.

use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, SignatureScheme,
};

use super::trust::{TrustAnchors, read_names};

/// Builds the TLS configuration with these trust anchors.
///
/// # Errors
///
/// Fails with a message for operators if there are no trust anchors.
pub fn tls_config(trust_anchors: TrustAnchors) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let roots = Arc::new(trust_anchors.roots);
    let inner = WebPkiServerVerifier::builder_with_provider(roots, provider.clone())
        .build()
        .map_err(|error| error.to_string())?;
    let verifier = ExplainingCertVerifier { inner, advice: trust_anchors.advice, suffix: ignored_setting_note() };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous() // the verifier below only rewords the errors of the standard verifier
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

fn ignored_setting_note() -> &'static str {
    let is_ignored = std::env::var_os("NODE_TLS_REJECT_UNAUTHORIZED").is_some_and(|value| value == "0");
    if is_ignored { ". NODE_TLS_REJECT_UNAUTHORIZED=0 has no effect here" } else { "" }
}

/// Describes a TLS handshake error, and returns Node's code for it.
pub fn describe(error: &Error) -> Option<(String, Option<&'static str>)> {
    let description = match error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(error))) => {
            let Diagnosis { message, code } = error.downcast_ref()?;
            (message.clone(), *code)
        }
        Error::AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity) => (
            "the server and this client have no TLS cipher suite in common. AES-GCM and ChaCha20-Poly1305 with ECDHE are \
             supported, and CBC is not: enable one of them on the server"
                .into(),
            Some("EPROTO"),
        ),
        Error::AlertReceived(AlertDescription::ProtocolVersion) | Error::PeerIncompatible(_) => (
            format!("the server and this client have no TLS version in common: enable TLS 1.2 or 1.3 on the server ({error})"),
            Some("EPROTO"),
        ),
        Error::InvalidMessage(_) => (
            format!("the server does not speak TLS on this port: check whether the URL should use http ({error})"),
            Some("EPROTO"),
        ),
        _ => (format!("the TLS handshake failed: {error}"), Some("EPROTO")),
    };
    Some(description)
}

/// The reason for rejecting a certificate, with Node's code for the error.
#[derive(Debug)]
struct Diagnosis {
    message: String,
    code: Option<&'static str>,
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Diagnosis {}

/// Verifies certificates in the same way as rustls, but adds advice to the error messages.
#[derive(Debug)]
struct ExplainingCertVerifier {
    inner: Arc<WebPkiServerVerifier>,
    /// The advice on trusting a private certificate authority.
    advice: String,
    suffix: &'static str,
}

impl ExplainingCertVerifier {
    fn diagnose(&self, error: &CertificateError, leaf: &[u8], chain: &[CertificateDer]) -> Diagnosis {
        let names = read_names(leaf);
        let is_self_signed = names.as_ref().is_some_and(|names| names.issuer == names.subject);
        let (reason, code) = match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                ("has expired: renew it, and check the clock of this machine".into(), Some("CERT_HAS_EXPIRED"))
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                ("is not valid yet: check the clock of this machine".into(), Some("CERT_NOT_YET_VALID"))
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
                format!("is not valid for the name or IP address in the URL ({error})"),
                Some("ERR_TLS_CERT_ALTNAME_INVALID"),
            ),
            _ if names.as_ref().is_some_and(|names| names.is_version_1) => (
                "is an X.509 version 1 certificate, which is not accepted: issue one with the extension subjectAltName"
                    .into(),
                None,
            ),
            CertificateError::UnknownIssuer if is_self_signed => {
                (format!("is self-signed and not trusted. {}", self.advice), Some("DEPTH_ZERO_SELF_SIGNED_CERT"))
            }
            CertificateError::UnknownIssuer if chain.is_empty() => (
                format!(
                    "was issued by an authority that is not trusted, and the server sent no intermediate certificate. If it has \
                     one, configure the server to send the whole chain. {}",
                    self.advice
                ),
                Some("UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
            ),
            CertificateError::UnknownIssuer => {
                let root = chain.last().and_then(|last| read_names(last));
                let sends_root = root.is_some_and(|names| names.issuer == names.subject);
                let code = if sends_root { "SELF_SIGNED_CERT_IN_CHAIN" } else { "UNABLE_TO_GET_ISSUER_CERT_LOCALLY" };
                (format!("was issued by an authority that is not trusted. {}", self.advice), Some(code))
            }
            CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => (
                "or its chain has a signature that is not accepted, for example with SHA-1 or an RSA key below 2048 bits"
                    .into(),
                None,
            ),
            CertificateError::BadSignature => (
                format!(
                    "or its chain has a signature that does not match: another trusted certificate has the name of the issuer, \
                     or the signature uses an RSA key below 2048 bits. {}",
                    self.advice
                ),
                None,
            ),
            _ if format!("{error:?}").contains("CaUsedAsEndEntity") => (
                "is marked as a CA (basicConstraints CA:TRUE, the default of `openssl req -x509`), which is not accepted \
                 even if NODE_EXTRA_CA_CERTS lists it: use a certificate with CA:FALSE, or one that the CA has signed"
                    .into(),
                Some("INVALID_PURPOSE"),
            ),
            _ => ("is not accepted".into(), None),
        };
        // The message contains the name of the rustls error, because users search for that name.
        let debug = format!("{error:?}");
        let name = debug.split([' ', '{']).next().unwrap_or_default();
        Diagnosis { message: format!("the server's certificate {reason}{} [rustls: {name}]", self.suffix), code }
    }
}

impl ServerCertVerifier for ExplainingCertVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now).map_err(|error| {
            let Error::InvalidCertificate(error) = error else { return error };
            let diagnosis = self.diagnose(&error, end_entity, intermediates);
            Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(diagnosis))))
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
