//! Fetches a key set. This is the only file that opens sockets.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use once_cell::sync::OnceCell;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, ETAG, HeaderMap, IF_NONE_MATCH, LOCATION};
use reqwest::{Client, Proxy, StatusCode, redirect};
use url::Url;

use super::failure::FetchError;
use super::proxy::{self, ProxyChoice};
use super::source::JwksSource;
use super::tls;
use super::trust::TrustAnchors;
use crate::error::to_printable;

/// Maximum length of a response body before and after decompression, in bytes. Logto's key sets take 1 to 2 KiB.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

/// A successful response from a JWKS URL.
#[derive(Debug)]
pub enum Response {
    /// The key set still has the `ETag` that the request contained (RFC 9110 section 15.4.5).
    NotModified,
    /// An unparsed key set.
    Body {
        /// The response body.
        body: Vec<u8>,
        /// The `ETag` to send with the next request for the key set.
        etag: Option<String>,
    },
}

/// The endpoint that publishes a key set.
#[derive(Debug)]
pub struct Endpoint {
    source: JwksSource,
    /// The HTTP client, if the source has its own trust anchors.
    own_client: OnceCell<Client>,
}

impl Endpoint {
    /// Creates the endpoint for a source, which consists of a JWKS URL and its trust anchors.
    pub fn new(source: JwksSource) -> Self {
        Self { source, own_client: OnceCell::new() }
    }

    /// The source of the key set.
    pub fn source(&self) -> &JwksSource {
        &self.source
    }

    /// Requests the key set from the endpoint. The caller enforces the timeout of the request.
    ///
    /// # Errors
    ///
    /// Fails with an error for operators (without the URL) if the request fails, the status is neither 200 nor 304, or
    /// the body is too long. Redirects are not followed, because keys must come from the configured URL.
    pub async fn request(&self, etag: Option<&str>) -> Result<Response, FetchError> {
        let client = self.client()?;
        let request = client
            .get(&self.source.url)
            .header(ACCEPT, "application/jwk-set+json, application/json")
            .header(ACCEPT_ENCODING, "gzip");
        let request = etag.iter().fold(request, |request, etag| request.header(IF_NONE_MATCH, *etag));
        let mut response = request.send().await.map_err(|error| describe_request_error(error, &self.source.url))?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if etag.is_some() => return Ok(Response::NotModified),
            status => {
                let redirect = redirect_target(&self.source.url, response.headers());
                return Err(format!("the JWKS URL responded with {}{redirect}", status.as_u16()).into());
            }
        }
        let is_compressed = is_compressed(response.headers())?;
        let etag = response.headers().get(ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(describe)? {
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                return Err(too_long_error());
            }
            body.extend_from_slice(&chunk);
        }
        let body = if is_compressed { decompress(&body)? } else { body };
        Ok(Response::Body { body, etag })
    }

    /// The HTTP client. Environment variables, and the trust anchors that depend on them, are read only once per
    /// process, because JavaScript may change the environment while another thread reads it.
    fn client(&self) -> Result<&Client, String> {
        static SHARED_CLIENT: OnceCell<Client> = OnceCell::new();
        match &self.source.ca {
            None => SHARED_CLIENT.get_or_try_init(|| build_client(TrustAnchors::from_environment())),
            Some(pem) => {
                let trust_anchors = || TrustAnchors::from_pem(pem).ok_or("jwksCa contains no certificate");
                self.own_client.get_or_try_init(|| build_client(trust_anchors()?))
            }
        }
    }
}

fn build_client(trust_anchors: TrustAnchors) -> Result<Client, String> {
    const PROXY_VARIABLES: [&str; 9] = [
        "https_proxy",
        "HTTPS_PROXY",
        "http_proxy",
        "HTTP_PROXY",
        "all_proxy",
        "ALL_PROXY",
        "no_proxy",
        "NO_PROXY",
        "REQUEST_METHOD",
    ];
    let variables: Vec<_> = PROXY_VARIABLES.iter().map(|name| (*name, proxy::environment_variable(name))).collect();
    let variable = move |name: &str| variables.iter().find(|(known, _)| *known == name)?.1.clone();
    let proxy = Proxy::custom(move |url| match proxy::route(url, &variable) {
        ProxyChoice::Proxy(_, proxy) => Some(*proxy),
        _ => None,
    });
    Client::builder()
        .no_proxy() // stops the client from reading environment variables
        .proxy(proxy)
        .tls_backend_preconfigured(tls::tls_config(trust_anchors)?)
        .http1_only()
        .redirect(redirect::Policy::none())
        .referer(false)
        .user_agent(concat!("logto-authkit/", env!("CARGO_PKG_VERSION")))
        // The client keeps no idle connections, because fetches are minutes apart, and the server would close an idle
        // connection before the next fetch.
        .pool_max_idle_per_host(0)
        .build()
        .map_err(|error| describe(error).message)
}

/// Describes where a redirect leads, naming only the origin.
fn redirect_target(url: &str, headers: &HeaderMap) -> String {
    let Some(location) = headers.get(LOCATION) else { return String::new() };
    let target = location.to_str().ok().and_then(|location| Url::parse(url).ok()?.join(location).ok());
    let origin = target.map_or_else(|| "an invalid URL".into(), |target| target.origin().ascii_serialization());
    format!(", a redirect to {origin}, which is not followed")
}

/// Whether the body is compressed with gzip (RFC 9110 section 8.4.1.3).
fn is_compressed(headers: &HeaderMap) -> Result<bool, FetchError> {
    let encodings: Vec<String> = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .flat_map(|value| {
            String::from_utf8_lossy(value.as_bytes())
                .to_ascii_lowercase()
                .split(',')
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .map(|encoding| encoding.trim().to_owned())
        .filter(|encoding| !encoding.is_empty() && encoding != "identity")
        .collect();
    match encodings.as_slice() {
        [] => Ok(false),
        [encoding] if encoding == "gzip" || encoding == "x-gzip" => Ok(true),
        other => {
            let encoding = to_printable(&other.join(", "), 40);
            Err(format!("the response has the content encoding {encoding}, but only gzip was requested").into())
        }
    }
}

fn decompress(body: &[u8]) -> Result<Vec<u8>, FetchError> {
    let mut decompressed_body = Vec::new();
    let limit = MAX_BODY_BYTES as u64 + 1;
    MultiGzDecoder::new(body)
        .take(limit)
        .read_to_end(&mut decompressed_body)
        .map_err(|_| "the response has the content encoding gzip, but is not valid gzip")?;
    if decompressed_body.len() > MAX_BODY_BYTES { Err(too_long_error()) } else { Ok(decompressed_body) }
}

fn too_long_error() -> FetchError {
    format!("the response is longer than {} KiB", MAX_BODY_BYTES / 1024).into()
}

/// Describes a request that got no response. Over plain `http`, the port may belong to a TLS server, which closes the
/// connection or responds with a TLS alert.
fn describe_request_error(error: reqwest::Error, url: &str) -> FetchError {
    let may_expect_tls = url.starts_with("http:") && !error.is_connect() && !error.is_timeout();
    let mut failure = describe(error);
    if may_expect_tls {
        failure.message += ". If the server expects TLS on this port, use https in the URL";
    }
    failure
}

fn describe(error: reqwest::Error) -> FetchError {
    let error = error.without_url();
    if error.is_timeout() { FetchError::timeout() } else { FetchError::describe(&error) }
}
