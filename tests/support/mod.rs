//! Test helpers: real keys, tokens in Logto's format, and a key server on 127.0.0.1.
#![allow(dead_code, reason = "no test file uses all of it")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs, reason = "tests")]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use logto_authkit::clock::Timestamp;
use logto_authkit::error::{ErrorCode, Rejection};
use logto_authkit::jwks::keys::KeySet;
use logto_authkit::options::{KeySource, Options, Raw};
use logto_authkit::verify::Verifier;
use serde_json::{Value, json};

pub const ISSUER: &str = "https://tenant.test/oidc";
pub const AUDIENCE: &str = "https://api.test";

/// The time at which the tests started, on both clocks.
pub static START: LazyLock<Timestamp> = LazyLock::new(Timestamp::now);

/// The time `seconds` after the start of the tests.
pub fn at(seconds: f64) -> Timestamp {
    START.plus(Duration::from_secs_f64(seconds))
}

/// Runs a future to completion on this thread.
pub fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Waits until a condition becomes true.
#[track_caller]
pub fn until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20), "timed out");
        thread::yield_now();
    }
}

/// A key pair and its key id.
pub struct Key {
    pub kid: String,
    pair: Pair,
}

enum Pair {
    Ec(&'static str, EcdsaKeyPair),
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Key {
    /// A key of Logto's default type.
    pub fn p384(kid: &str) -> Self {
        Self::new(kid, Pair::Ec("P-384", EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap()))
    }

    pub fn p256(kid: &str) -> Self {
        Self::new(kid, Pair::Ec("P-256", EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()))
    }

    pub fn p521(kid: &str) -> Self {
        Self::new(kid, Pair::Ec("P-521", EcdsaKeyPair::generate(&ECDSA_P521_SHA512_FIXED_SIGNING).unwrap()))
    }

    pub fn rsa(kid: &str) -> Self {
        Self::new(kid, Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()))
    }

    pub fn ed25519(kid: &str) -> Self {
        Self::new(kid, Pair::Ed25519(Ed25519KeyPair::generate().unwrap()))
    }

    fn new(kid: &str, pair: Pair) -> Self {
        Self { kid: kid.into(), pair }
    }

    /// The public key as Logto publishes it, with `alg` for EC keys but not for RSA keys.
    pub fn jwk(&self) -> Value {
        let encode = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
        match &self.pair {
            Pair::Ec(crv, pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = point[1..].split_at(point.len() / 2);
                json!({
                    "kty": "EC", "use": "sig", "kid": self.kid, "alg": self.alg(), "crv": crv, "x": encode(x), "y": encode(y),
                })
            }
            Pair::Rsa(pair) => {
                let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
                let (n, e) = (encode(n.big_endian_without_leading_zero()), encode(e.big_endian_without_leading_zero()));
                json!({ "kty": "RSA", "use": "sig", "kid": self.kid, "n": n, "e": e })
            }
            Pair::Ed25519(pair) => {
                json!({ "kty": "OKP", "kid": self.kid, "crv": "Ed25519", "x": encode(pair.public_key().as_ref()) })
            }
        }
    }

    /// The public key as aws-lc-rs encodes it: a point, a DER-encoded `RSAPublicKey`, or the 32 octets of Ed25519.
    pub fn public_key(&self) -> &[u8] {
        match &self.pair {
            Pair::Ec(_, pair) => pair.public_key().as_ref(),
            Pair::Rsa(pair) => pair.public_key().as_ref(),
            Pair::Ed25519(pair) => pair.public_key().as_ref(),
        }
    }

    /// The default algorithm for this type of key.
    pub fn alg(&self) -> &'static str {
        match &self.pair {
            Pair::Ec("P-384", _) => "ES384",
            Pair::Ec("P-521", _) => "ES512",
            Pair::Ec(..) => "ES256",
            Pair::Rsa(_) => "RS256",
            Pair::Ed25519(_) => "EdDSA",
        }
    }

    /// Signs a message with this algorithm, or with the default algorithm if the key does not support it.
    pub fn sign(&self, alg: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ec(_, pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let padding: &dyn aws_lc_rs::signature::RsaEncoding = match alg {
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    "PS384" => &RSA_PSS_SHA384,
                    "PS512" => &RSA_PSS_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }

    /// Signs any header and payload as a JWS.
    pub fn jws(&self, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let alg =
            serde_json::from_str::<Value>(header).ok().and_then(|header| Some(header["alg"].as_str()?.to_owned()));
        let signature = self.sign(&alg.unwrap_or_default(), message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A valid token.
    pub fn token(&self) -> String {
        self.token_with(&json!({}), &json!({}))
    }

    /// A token that is valid except for these header members.
    pub fn with_header(&self, header: &Value) -> String {
        self.token_with(header, &json!({}))
    }

    /// A token that is valid except for these claims.
    pub fn with_claims(&self, payload: &Value) -> String {
        self.token_with(&json!({}), payload)
    }

    /// A token that is valid except for these members of the header and the payload. A null value removes a member.
    pub fn token_with(&self, header: &Value, payload: &Value) -> String {
        let good_header = json!({ "alg": self.alg(), "typ": "at+jwt", "kid": self.kid });
        let good_payload = json!({
            "jti": "QsylamkYCsJsKBRjLhlqXwRiRaAcAUYMvvYzyMMIUr8", "sub": "app", "client_id": "app", "iss": ISSUER,
            "aud": AUDIENCE, "scope": "read:orders", "iat": START.wall / 1000.0, "exp": START.wall / 1000.0 + 1e6,
        });
        self.jws(&with(good_header, header).to_string(), &with(good_payload, payload).to_string())
    }
}

fn with(mut object: Value, members: &Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        if value.is_null() {
            object.as_object_mut().unwrap().remove(name);
        } else {
            object[name] = value.clone();
        }
    }
    object
}

/// A JWK Set with these keys.
pub fn jwks(keys: &[&Key]) -> Value {
    json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() })
}

/// Options with these members. The default issuer and audience apply unless `members` replaces them.
pub fn options(members: &[(&str, Raw)]) -> Options {
    let required = [("logtoUrl", Raw::String(ISSUER.into())), ("audience", Raw::String(AUDIENCE.into()))];
    let required = required.iter().filter(|(name, _)| members.iter().all(|(given, _)| given != name));
    let members = required.chain(members).map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Options::parse(Raw::Object(members)).unwrap_or_else(|error| panic!("{}", error.message))
}

pub fn text(text: &str) -> Raw {
    Raw::String(text.into())
}

pub fn list(items: &[&str]) -> Raw {
    Raw::List(items.iter().map(|item| text(item)).collect())
}

/// A key of Logto's default type, and a verifier whose key set contains only this key.
pub fn key_and_verifier(members: &[(&str, Raw)]) -> (Key, Verifier) {
    let key = Key::p384("k");
    let verifier = verifier(&[&key], members);
    (key, verifier)
}

/// A verifier with a static key set.
pub fn verifier(keys: &[&Key], members: &[(&str, Raw)]) -> Verifier {
    let set = KeySet::from_json(&jwks(keys)).unwrap();
    Verifier::new(Options { keys: KeySource::Static(Arc::new(set)), ..options(members) })
}

/// Verifies a token at this second. With a static key set, also asserts that `explain` reports the same outcome.
#[track_caller]
pub fn verify(verifier: &Verifier, token: &str, second: f64) -> Result<(), Rejection> {
    let outcome = wait(verifier.verify(token, at(second))).map(drop);
    if matches!(verifier.options().keys, KeySource::Static(_)) {
        let report = wait(verifier.explain(token, at(second)));
        assert_eq!(comparable(report.rejection()), comparable(outcome.as_ref().err()), "explain differs for {token}");
        assert!(outcome.is_err() || report.is_verified());
    }
    outcome
}

/// The parts of a rejection that are the same in two consecutive verifications.
pub fn comparable(rejection: Option<&Rejection>) -> Option<(ErrorCode, String, Value, Option<Box<str>>)> {
    rejection.map(|it| {
        let mut details = it.details.clone();
        details.remove("now");
        (it.code, it.message(), Value::Object(details), it.cause.clone())
    })
}

#[track_caller]
pub fn assert_accepts(verifier: &Verifier, token: &str, second: f64) {
    verify(verifier, token, second).unwrap();
}

#[track_caller]
pub fn assert_rejects(verifier: &Verifier, token: &str, second: f64, code: ErrorCode) -> Rejection {
    let rejection = verify(verifier, token, second).unwrap_err();
    assert_eq!(rejection.code, code, "{rejection:?}");
    rejection
}

/// The response of a key server.
#[derive(Clone)]
pub enum Response {
    /// A key set with an optional `ETag`. Requests with this `ETag` are answered with 304.
    Keys(Value, Option<&'static str>),
    /// These bytes as the HTTP response.
    Bytes(Vec<u8>),
    /// The start of a key set, followed by endless whitespace.
    Endless { slowly: bool },
    /// A closed connection without a response.
    Closed,
}

impl Response {
    pub fn status(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::Bytes(
            format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}").into(),
        )
    }

    pub fn ok(body: &str) -> Self {
        Self::status("200 OK", "Content-Type: application/json\r\n", body)
    }
}

/// A gate that delays responses until it is opened.
#[derive(Default)]
pub struct Gate(Mutex<bool>, Condvar);

impl Gate {
    pub fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    fn pass(&self) {
        drop(self.1.wait_while(self.0.lock().unwrap(), |open| !*open).unwrap());
    }
}

/// An HTTP server that publishes a key set.
pub struct KeyServer {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    response: Mutex<Response>,
    gate: Mutex<Option<Arc<Gate>>>,
    requests: AtomicUsize,
    heads: Mutex<Vec<String>>,
}

impl KeyServer {
    pub fn start(response: Response) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            response: Mutex::new(response),
            gate: Mutex::default(),
            requests: AtomicUsize::new(0),
            heads: Mutex::default(),
        });
        let shared = state.clone();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let state = shared.clone();
                thread::spawn(move || state.serve(connection));
            }
        });
        Self { address, state }
    }

    /// Starts a server that publishes these keys.
    pub fn with_keys(keys: &[&Key]) -> Self {
        Self::start(Response::Keys(jwks(keys), None))
    }

    pub fn jwks_uri(&self) -> String {
        format!("http://{}/oidc/jwks", self.address)
    }

    /// A verifier that fetches keys from this server.
    pub fn verifier(&self, members: &[(&str, Raw)]) -> Verifier {
        let uri = ("jwksUri", Raw::String(self.jwks_uri()));
        Verifier::new(options(&members.iter().cloned().chain([uri]).collect::<Vec<_>>()))
    }

    pub fn respond(&self, response: Response) {
        *self.state.response.lock().unwrap() = response;
    }

    pub fn publish_keys(&self, keys: &[&Key]) {
        self.respond(Response::Keys(jwks(keys), None));
    }

    /// Delays responses to new requests until the gate is opened. A request gets the response set when it arrived.
    pub fn delay_requests(&self) -> Arc<Gate> {
        let gate = Arc::new(Gate::default());
        *self.state.gate.lock().unwrap() = Some(gate.clone());
        gate
    }

    /// Stops delaying new requests.
    pub fn release_new_requests(&self) {
        *self.state.gate.lock().unwrap() = None;
    }

    /// The number of requests received.
    pub fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }

    #[track_caller]
    pub fn assert_requests(&self, times: usize) {
        assert_eq!(self.requests(), times, "requests");
    }

    /// The head of the last request, in lower case.
    pub fn last_head(&self) -> String {
        self.state.heads.lock().unwrap().last().cloned().unwrap_or_default()
    }
}

impl State {
    fn serve(&self, mut connection: TcpStream) {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            match connection.read(&mut byte) {
                Ok(1) => head.extend(byte),
                _ => return,
            }
        }
        let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
        let (response, gate) = (self.response.lock().unwrap().clone(), self.gate.lock().unwrap().clone());
        self.heads.lock().unwrap().push(head.clone());
        self.requests.fetch_add(1, Ordering::SeqCst);
        if let Some(gate) = gate {
            gate.pass();
        }
        // The client may have disconnected.
        let _ = match response {
            Response::Keys(_, Some(etag)) if head.contains(&format!("if-none-match: {etag}\r\n")) => {
                connection.write_all(b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n")
            }
            Response::Keys(set, etag) => {
                let etag = etag.map(|etag| format!("ETag: {etag}\r\n")).unwrap_or_default();
                let headers = format!("{etag}Cache-Control: no-cache, max-age=0, must-revalidate\r\n");
                let Response::Bytes(bytes) = Response::status("200 OK", &headers, &set.to_string()) else { return };
                connection.write_all(&bytes)
            }
            Response::Bytes(bytes) => connection.write_all(&bytes),
            Response::Endless { slowly } => endless(&mut connection, slowly),
            Response::Closed => Ok(()),
        };
        let _ = connection.shutdown(Shutdown::Both);
    }
}

fn endless(connection: &mut TcpStream, slowly: bool) -> std::io::Result<()> {
    connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"keys\":[")?;
    loop {
        if slowly {
            connection.write_all(b" ")?;
            thread::sleep(Duration::from_millis(20)); // slower than the timeouts of the tests
        } else {
            connection.write_all(&[b' '; 8_192])?;
        }
    }
}
