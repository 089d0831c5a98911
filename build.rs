//! Link arguments of a Node addon; nothing without the `node` feature.

fn main() {
    #[cfg(feature = "node")]
    napi_build::setup();
}
