//! Fetches a key set. Only this file opens sockets.

use std::error::Error;
use std::sync::Arc;

use once_cell::sync::{Lazy, OnceCell};
use reqwest::header::{ACCEPT, ETAG, IF_NONE_MATCH};
use reqwest::{Client, ClientBuilder, StatusCode, redirect};
use rustls::{ClientConfig, RootCertStore};
use url::Url;

use crate::url::is_loopback;

/// Maximum length of a response body in bytes, after decompression. Logto's key sets take 1 to 2 KiB.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

/// The error of a fetch that exceeds its timeout.
pub const TIMED_OUT: &str = "no complete response within the timeout";

/// A successful response from the JWKS URL.
#[derive(Debug)]
pub enum Response {
    /// The key set still has the `ETag` that the request contained (RFC 9110 section 15.4.5).
    NotModified,
    /// A key set that has not been parsed yet.
    Body {
        /// The response body.
        body: Vec<u8>,
        /// The `ETag` to send with the next request.
        etag: Option<String>,
    },
}

/// Requests a key set. The caller enforces the timeout.
///
/// # Errors
///
/// A message for operators, without the URL, if the request fails, the status is neither 200 nor 304, or the body is too long.
/// Redirects are not followed, because keys must come from the configured URL.
pub async fn fetch(url: &str, etag: Option<&str>) -> Result<Response, String> {
    let client = client(url)?;
    let request = client.get(url).header(ACCEPT, "application/jwk-set+json, application/json");
    let request = etag.iter().fold(request, |request, etag| request.header(IF_NONE_MATCH, *etag));
    let mut response = request.send().await.map_err(describe)?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_MODIFIED if etag.is_some() => return Ok(Response::NotModified),
        status => return Err(format!("the JWKS URL responded with {}", status.as_u16())),
    }
    let etag = response.headers().get(ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(describe)? {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(format!("the response is longer than {} KiB", MAX_BODY_BYTES / 1024));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Response::Body { body, etag })
}

/// The HTTP client for a URL. Requests to loopback hosts bypass the proxy, which would connect to its own machine.
///
/// Trust anchors and environment variables are read once per process, because JavaScript may change the environment while
/// another thread reads it.
fn client(url: &str) -> Result<&'static Client, String> {
    static DIRECT: OnceCell<Client> = OnceCell::new();
    static PROXIED: OnceCell<Client> = OnceCell::new();
    // reqwest does not support `*`, which disables the proxy in curl and other programs.
    static NO_PROXY: Lazy<bool> = Lazy::new(|| {
        ["NO_PROXY", "no_proxy"].iter().any(|name| std::env::var(name).is_ok_and(|list| list.trim() == "*"))
    });
    if *NO_PROXY || Url::parse(url).is_ok_and(|url| is_loopback(&url)) {
        DIRECT.get_or_try_init(|| build_client(Client::builder().no_proxy()))
    } else {
        PROXIED.get_or_try_init(|| build_client(Client::builder()))
    }
}

fn build_client(builder: ClientBuilder) -> Result<Client, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(trust_anchors())
        .with_no_client_auth();
    builder
        .tls_backend_preconfigured(tls)
        .http1_only()
        .redirect(redirect::Policy::none())
        .referer(false)
        .user_agent(concat!("logto-authkit/", env!("CARGO_PKG_VERSION")))
        // Fetches are minutes apart, so the server would have closed an idle connection by then.
        .pool_max_idle_per_host(0)
        .build()
        .map_err(describe)
}

/// The trust anchors of Mozilla, which slim containers lack, of the system, and of `NODE_EXTRA_CA_CERTS`. Like Node, this function
/// skips certificates that cannot be parsed.
fn trust_anchors() -> RootCertStore {
    let mut anchors = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    anchors.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = std::env::var_os("NODE_EXTRA_CA_CERTS") {
        anchors.add_parsable_certificates(rustls_native_certs::load_certs_from_paths(Some(file.as_ref()), None).certs);
    }
    anchors
}

/// Describes an error and its causes in one line, without the URL.
fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    if error.is_timeout() {
        return TIMED_OUT.into();
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    if text.contains("UnknownIssuer") {
        text += " (for a private CA, set NODE_EXTRA_CA_CERTS to its certificate)";
    } else if text.contains("CaUsedAsEndEntity") {
        text += " (the server uses a CA certificate: configure one that the CA has signed)";
    }
    text
}
