//! Sets the link arguments of a Node addon. Does nothing without the `node` feature.

fn main() {
    #[cfg(feature = "node")]
    napi_build::setup();
}
