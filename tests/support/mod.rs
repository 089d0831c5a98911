//! Real keys, real tokens of Logto's form, and a key set's address on 127.0.0.1.
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
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use logto_authkit::clock::Timestamp;
use logto_authkit::error::{Code, Refusal};
use logto_authkit::jwks::keys::KeySet;
use logto_authkit::options::{KeySource, Options, Raw};
use logto_authkit::verify::Verifier;
use serde_json::{Value, json};

pub const ISSUER: &str = "https://tenant.test/oidc";
pub const AUDIENCE: &str = "https://api.test";

/// The start of a test, on both clocks.
pub static START: LazyLock<Timestamp> = LazyLock::new(Timestamp::now);

/// The moment that many seconds into a test.
pub fn at(seconds: f64) -> Timestamp {
    START.after(Duration::from_secs_f64(seconds))
}

/// Runs a future to its end on this thread.
pub fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Waits until something that goes on elsewhere has happened.
#[track_caller]
pub fn until(happened: impl Fn() -> bool) {
    let begun = Instant::now();
    while !happened() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it never happened");
        thread::yield_now();
    }
}

/// A key pair with its id.
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
    /// A key of Logto's default kind.
    pub fn p384(kid: &str) -> Self {
        Self::new(kid, Pair::Ec("P-384", EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap()))
    }

    pub fn p256(kid: &str) -> Self {
        Self::new(kid, Pair::Ec("P-256", EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()))
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

    /// The public key as Logto publishes it: with `alg` for EC keys, without for RSA.
    pub fn jwk(&self) -> Value {
        let encode = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
        match &self.pair {
            Pair::Ec(crv, pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = point[1..].split_at(point.len() / 2);
                let alg = if *crv == "P-384" { "ES384" } else { "ES256" };
                json!({
                    "kty": "EC", "use": "sig", "kid": self.kid, "alg": alg, "crv": crv, "x": encode(x), "y": encode(y),
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

    /// The public key as aws-lc-rs takes it: a point, `RSAPublicKey` in DER, or the 32 octets of Ed25519.
    pub fn public_key(&self) -> &[u8] {
        match &self.pair {
            Pair::Ec(_, pair) => pair.public_key().as_ref(),
            Pair::Rsa(pair) => pair.public_key().as_ref(),
            Pair::Ed25519(pair) => pair.public_key().as_ref(),
        }
    }

    /// The algorithm that this kind of key signs with unless something else is asked for.
    pub fn alg(&self) -> &'static str {
        match &self.pair {
            Pair::Ec("P-384", _) => "ES384",
            Pair::Ec(..) => "ES256",
            Pair::Rsa(_) => "RS256",
            Pair::Ed25519(_) => "EdDSA",
        }
    }

    /// The signature of that algorithm, or of the key's own if it has no other.
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

    /// A JWS of that header and payload, whatever they are.
    pub fn jws(&self, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let alg =
            serde_json::from_str::<Value>(header).ok().and_then(|header| Some(header["alg"].as_str()?.to_owned()));
        let signature = self.sign(&alg.unwrap_or_default(), message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A good token.
    pub fn token(&self) -> String {
        self.token_with(&json!({}), &json!({}))
    }

    /// A good token but for these members of header and payload; null leaves a member out.
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

/// A key set of these keys.
pub fn jwks(keys: &[&Key]) -> Value {
    json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() })
}

/// Options for that issuer and audience, and these.
pub fn options(members: &[(&str, Raw)]) -> Options {
    let required = [("logtoUrl", Raw::String(ISSUER.into())), ("audience", Raw::String(AUDIENCE.into()))];
    let members = required.iter().chain(members).map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Options::parse(Raw::Object(members)).unwrap_or_else(|error| panic!("{}", error.message))
}

/// A verifier with a static key set.
pub fn verifier(keys: &[&Key], members: &[(&str, Raw)]) -> Verifier {
    let set = KeySet::from_json(&jwks(keys)).unwrap();
    Verifier::new(Options { keys: KeySource::Static(Arc::new(set)), ..options(members) })
}

/// What becomes of a token at that second.
pub fn verify(verifier: &Verifier, token: &str, second: f64) -> Result<(), Refusal> {
    wait(verifier.verify(token, at(second))).map(drop)
}

#[track_caller]
pub fn accepts(verifier: &Verifier, token: &str, second: f64) {
    verify(verifier, token, second).unwrap();
}

#[track_caller]
pub fn refuses(verifier: &Verifier, token: &str, second: f64, code: Code) -> Refusal {
    let refusal = verify(verifier, token, second).unwrap_err();
    assert_eq!(refusal.code, code, "{refusal:?}");
    refusal
}

/// What a key server answers.
#[derive(Clone)]
pub enum Answer {
    /// A key set, with an `ETag` if one is given: then 304 to whom it is shown.
    Keys(Value, Option<&'static str>),
    /// These bytes for an HTTP answer.
    Bytes(Vec<u8>),
    /// A key set's beginning, then white space without end, as fast as it is taken, or slowly.
    Endless { slowly: bool },
    /// The connection is closed, and nothing is answered.
    Nothing,
}

impl Answer {
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

/// Holds answers back until it is opened.
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

/// A key set's address.
pub struct KeyServer {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    answer: Mutex<Answer>,
    gate: Mutex<Option<Arc<Gate>>>,
    requests: AtomicUsize,
    heads: Mutex<Vec<String>>,
}

impl KeyServer {
    pub fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            answer: Mutex::new(answer),
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

    /// One that serves these keys.
    pub fn of(keys: &[&Key]) -> Self {
        Self::start(Answer::Keys(jwks(keys), None))
    }

    pub fn jwks_uri(&self) -> String {
        format!("http://{}/oidc/jwks", self.address)
    }

    /// A verifier that fetches from here.
    pub fn verifier(&self, members: &[(&str, Raw)]) -> Verifier {
        let uri = ("jwksUri", Raw::String(self.jwks_uri()));
        Verifier::new(options(&members.iter().cloned().chain([uri]).collect::<Vec<_>>()))
    }

    pub fn answer(&self, answer: Answer) {
        *self.state.answer.lock().unwrap() = answer;
    }

    pub fn publish(&self, keys: &[&Key]) {
        self.answer(Answer::Keys(jwks(keys), None));
    }

    /// Requests from now on are answered when the gate is opened, with what is the answer when they come.
    pub fn hold(&self) -> Arc<Gate> {
        let gate = Arc::new(Gate::default());
        *self.state.gate.lock().unwrap() = Some(gate.clone());
        gate
    }

    /// Requests from now on are answered at once.
    pub fn hold_no_more(&self) {
        *self.state.gate.lock().unwrap() = None;
    }

    /// How many requests have come.
    pub fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }

    #[track_caller]
    pub fn has_been_asked(&self, times: usize) {
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
        let (answer, gate) = (self.answer.lock().unwrap().clone(), self.gate.lock().unwrap().clone());
        self.heads.lock().unwrap().push(head.clone());
        self.requests.fetch_add(1, Ordering::SeqCst);
        if let Some(gate) = gate {
            gate.pass();
        }
        // Whoever asked may be gone by now.
        let _ = match answer {
            Answer::Keys(_, Some(etag)) if head.contains(&format!("if-none-match: {etag}\r\n")) => {
                connection.write_all(b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n")
            }
            Answer::Keys(set, etag) => {
                let etag = etag.map(|etag| format!("ETag: {etag}\r\n")).unwrap_or_default();
                let headers = format!("{etag}Cache-Control: no-cache, max-age=0, must-revalidate\r\n");
                let Answer::Bytes(bytes) = Answer::status("200 OK", &headers, &set.to_string()) else { return };
                connection.write_all(&bytes)
            }
            Answer::Bytes(bytes) => connection.write_all(&bytes),
            Answer::Endless { slowly } => endless(&mut connection, slowly),
            Answer::Nothing => Ok(()),
        };
        let _ = connection.shutdown(Shutdown::Both);
    }
}

fn endless(connection: &mut TcpStream, slowly: bool) -> std::io::Result<()> {
    connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"keys\":[")?;
    loop {
        if slowly {
            connection.write_all(b" ")?;
            thread::sleep(Duration::from_millis(20)); // slower than any time-out here allows a set to be
        } else {
            connection.write_all(&[b' '; 8_192])?;
        }
    }
}
