//! N-API functions that select the proxy for a URL, and that return a log of key set fetches, which JavaScript
//! publishes on a diagnostics channel.

use std::collections::HashMap;

use napi_derive::napi;

use crate::jwks::log::{self, FetchRecord};
use crate::jwks::proxy::{ProxyChoice, route};

/// A completed fetch of a key set.
#[napi(object, use_nullable = true)]
pub struct KeyFetch {
    pub jwks_uri: String,
    pub reason: String,
    pub outcome: String,
    /// The number of usable keys in the fetched set.
    pub keys: u32,
    pub error: Option<String>,
    /// When the fetch started, as Unix time in milliseconds.
    pub started_at: f64,
    /// The duration of the fetch, in milliseconds.
    pub duration: f64,
}

/// Removes and returns the key set fetches that have completed since any thread last called this function, oldest
/// first.
#[napi(catch_unwind)]
pub fn drain_fetch_log() -> Vec<KeyFetch> {
    log::drain().into_iter().map(KeyFetch::from).collect()
}

/// The proxy for a URL, and why it is or is not used.
#[napi(object, use_nullable = true)]
#[derive(Default)]
pub struct ProxyRoute {
    pub proxy: Option<String>,
    /// The environment variable that names the proxy.
    pub variable: Option<String>,
    /// The environment variable that excludes the host from proxying, such as `NO_PROXY`.
    pub excluded_by: Option<String>,
    pub is_loopback: bool,
    pub is_invalid: bool,
}

/// Selects the proxy for a URL from these environment variables.
#[napi(catch_unwind)]
pub fn proxy_route(url: String, env: HashMap<String, String>) -> ProxyRoute {
    let variable = |name: &str| env.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let Ok(url) = url::Url::parse(&url) else { return ProxyRoute::default() };
    match route(&url, variable) {
        ProxyChoice::Direct => ProxyRoute::default(),
        ProxyChoice::Loopback => ProxyRoute { is_loopback: true, ..ProxyRoute::default() },
        ProxyChoice::Excluded(variable, excluded_by) => ProxyRoute {
            variable: Some(variable.into()),
            excluded_by: Some(excluded_by.into()),
            ..ProxyRoute::default()
        },
        ProxyChoice::Proxy(variable, proxy) => {
            ProxyRoute { proxy: Some((*proxy).into()), variable: Some(variable.into()), ..ProxyRoute::default() }
        }
        ProxyChoice::Invalid(variable) => {
            ProxyRoute { variable: Some(variable.into()), is_invalid: true, ..ProxyRoute::default() }
        }
    }
}

impl From<FetchRecord> for KeyFetch {
    fn from(FetchRecord { url, reason, outcome, started_at, duration }: FetchRecord) -> Self {
        let (outcome, keys, error) = match outcome {
            Ok(keys) => ("ok", u32::try_from(keys).unwrap_or(u32::MAX), None),
            Err(error) => ("failed", 0, Some(error)),
        };
        Self {
            jwks_uri: url,
            reason: reason.name().into(),
            outcome: outcome.into(),
            keys,
            error,
            started_at,
            duration: duration.as_secs_f64() * 1000.0,
        }
    }
}
