//! The options of the test issuer.

use super::raw::Raw;
use super::reader::{DefaultValue, Reader};
use super::values::one_of;
use crate::signature::Algorithm;

/// Reads the options of `createTestIssuer`.
pub fn read_issuer_options(read: &mut Reader) {
    read_algorithm(read, DefaultValue::Value(Algorithm::Es384.name().into()));
    read.optional("port", "an integer from 0 to 65535", DefaultValue::Value(0.into()), |raw| match raw {
        Raw::Number(port) if port.fract() == 0.0 && (0.0..=65_535.0).contains(port) => Some(()),
        _ => None,
    });
}

/// Reads the options of `rotateKeys`.
pub fn read_key_rotation_options(read: &mut Reader) {
    read_algorithm(read, DefaultValue::Derived("the current key's"));
    read.bool("keepPrevious", true);
}

/// Reads the options of `mint`.
pub fn read_mint_options(read: &mut Reader) {
    let string = |raw: &Raw| matches!(raw, Raw::String(_)).then_some(());
    let object = |raw: &Raw| matches!(raw, Raw::Object(_)).then_some(());
    let seconds = |raw: &Raw| matches!(raw, Raw::Number(value) if value.is_finite()).then_some(());
    for (name, default) in [("sub", "test-user"), ("clientId", "test-app"), ("audience", "https://api.example.com")] {
        read.optional(name, "a string", DefaultValue::Value(default.into()), string);
    }
    read.optional("organizationId", "a string", DefaultValue::None, string);
    read.optional("scope", "a string or an array of strings", DefaultValue::None, |raw| match raw {
        Raw::List(items) => items.iter().map(string).collect(),
        other => string(other),
    });
    read.optional("expiresIn", "a finite number of seconds", DefaultValue::Value(3_600.into()), seconds);
    read.optional("notBefore", "a finite number of seconds", DefaultValue::None, seconds);
    read.optional("claims", "an object", DefaultValue::None, object);
    read.optional("header", "an object", DefaultValue::None, object);
}

fn read_algorithm(read: &mut Reader, default: DefaultValue) {
    let names = Algorithm::ALL.map(|(name, _)| name).join(", ");
    read.optional("alg", format!("one of {names}"), default, |raw| one_of(raw, &Algorithm::ALL));
}

#[cfg(test)]
mod tests {
    use super::super::tests::{list, object, text};
    use super::super::{OptionSet, Raw};

    fn error(set: OptionSet, name: &str, value: Raw) -> String {
        set.check(object(&[(name, value)])).unwrap_err().message
    }

    #[test]
    fn accepts_values_that_only_tests_need() {
        for (name, value) in [
            ("sub", text("")),
            ("scope", list(&[])),
            ("scope", list(&["a b", ""])),
            ("expiresIn", Raw::Number(-1.0)),
            ("claims", object(&[("sub", Raw::Null)])),
        ] {
            OptionSet::Mint.check(object(&[(name, value)])).unwrap();
        }
        OptionSet::TestIssuer.check(Raw::Undefined).unwrap();
        OptionSet::RotateKeys.check(object(&[("keepPrevious", Raw::Bool(false)), ("alg", text("RS256"))])).unwrap();
    }

    #[test]
    fn names_the_option_and_the_accepted_values() {
        assert_eq!(
            error(OptionSet::TestIssuer, "alg", text("HS256")),
            "Invalid option \"alg\": expected one of ES384, RS256, ES256, ES512, EdDSA, Ed25519, RS384, RS512, PS256, PS384, PS512, got \"HS256\""
        );
        assert_eq!(
            error(OptionSet::TestIssuer, "port", Raw::Number(1.5)),
            "Invalid option \"port\": expected an integer from 0 to 65535, got 1.5"
        );
        assert_eq!(
            error(OptionSet::Mint, "expiresIn", Raw::Number(f64::NAN)),
            "Invalid option \"expiresIn\": expected a finite number of seconds, got NaN"
        );
        assert_eq!(
            error(OptionSet::Mint, "clientid", text("a")),
            "Unknown option \"clientid\": did you mean \"clientId\"?"
        );
    }
}
