//! Fetching a key set: the only socket.

use std::error::Error;
use std::sync::Arc;

use once_cell::sync::{Lazy, OnceCell};
use reqwest::header::{ACCEPT, ETAG, IF_NONE_MATCH};
use reqwest::{Client, ClientBuilder, StatusCode, redirect};
use rustls::{ClientConfig, RootCertStore};
use url::Url;

use crate::options::address::is_loopback;

/// Longest answer that is read, after decompression. Logto's sets take 1 to 2 KiB.
const LONGEST_BODY: usize = 256 * 1024;

/// What a fetch fails of that takes too long.
pub const TIMED_OUT: &str = "no complete answer within the time-out";

/// An answer of a key set's address.
#[derive(Debug)]
pub enum Answer {
    /// The set is what it was: the `ETag` sent along still holds (RFC 9110 section 15.4.5).
    NotModified,
    /// A set, not yet read.
    Body {
        /// The bytes.
        body: Vec<u8>,
        /// The `ETag` for the next time.
        etag: Option<String>,
    },
}

/// Asks a key set's address.
///
/// # Errors
///
/// In words for an operator, without the address, if there is no 200 (or 304), or the body is over 256 KiB. Redirects are
/// not followed: keys come from the configured address only. How long it may take is the caller's to say.
pub async fn fetch(address: &str, etag: Option<&str>) -> Result<Answer, String> {
    let client = client(address)?;
    let request = client.get(address).header(ACCEPT, "application/jwk-set+json, application/json");
    let request = etag.iter().fold(request, |request, etag| request.header(IF_NONE_MATCH, *etag));
    let mut response = request.send().await.map_err(describe)?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_MODIFIED if etag.is_some() => return Ok(Answer::NotModified),
        status => return Err(format!("the key set's address answered {}", status.as_u16())),
    }
    let etag = response.headers().get(ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(describe)? {
        if body.len() + chunk.len() > LONGEST_BODY {
            return Err(format!("the answer is longer than {} KiB", LONGEST_BODY / 1024));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer::Body { body, etag })
}

/// The client for that address. No proxy is asked for this machine's own addresses, which it would look for on its own.
///
/// Trust anchors and the environment are read once a process: JavaScript may write there while another thread reads.
fn client(address: &str) -> Result<&'static Client, String> {
    static DIRECT: OnceCell<Client> = OnceCell::new();
    static PROXIED: OnceCell<Client> = OnceCell::new();
    // The proxy matcher knows names and networks, not the `*` that curl and others take for "no proxy at all".
    static SPARED: Lazy<bool> = Lazy::new(|| {
        ["NO_PROXY", "no_proxy"].iter().any(|name| std::env::var(name).is_ok_and(|list| list.trim() == "*"))
    });
    if *SPARED || Url::parse(address).is_ok_and(|url| is_loopback(&url)) {
        DIRECT.get_or_try_init(|| configured(Client::builder().no_proxy()))
    } else {
        PROXIED.get_or_try_init(|| configured(Client::builder()))
    }
}

fn configured(builder: ClientBuilder) -> Result<Client, String> {
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
        // Fetches are minutes apart: a connection kept for the next one is closed by the server when it is wanted.
        .pool_max_idle_per_host(0)
        .build()
        .map_err(describe)
}

/// Mozilla's anchors, which slim containers lack, the system's, and those of `NODE_EXTRA_CA_CERTS`, as Node's own
/// clients take them. What cannot be read is left out, as Node does.
fn trust_anchors() -> RootCertStore {
    let mut anchors = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    anchors.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = std::env::var_os("NODE_EXTRA_CA_CERTS") {
        anchors.add_parsable_certificates(rustls_native_certs::load_certs_from_paths(Some(file.as_ref()), None).certs);
    }
    anchors
}

/// The error and what it came from, in one line, without the address.
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
        text += " (the certificate of a private CA goes into NODE_EXTRA_CA_CERTS)";
    } else if text.contains("CaUsedAsEndEntity") {
        text += " (the server shows a CA's own certificate: let it show one that the CA has signed)";
    }
    text
}
