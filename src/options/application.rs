//! The options that take functions of the application, and the option that takes its claims schema. JavaScript calls
//! the functions and applies the schema; the core only checks that the options are valid.

use super::raw::Raw;
use super::reader::{DefaultValue, Reader};

/// The accepted values of the `claims` option, as worded in the error message for an invalid value.
const CLAIMS_SCHEMA_EXPECTATION: &str =
    "a schema that implements Standard Schema 1, such as one of Zod, Valibot or ArkType";

/// Reads the options whose values are functions of the application, and the option `claims`, whose value is a schema.
pub fn read(read: &mut Reader) {
    read_check_option(read);
    read.function("fallback");
    read.function("onRefused");
    read.restriction("claims", CLAIMS_SCHEMA_EXPECTATION, DefaultValue::None, |raw| is_schema(raw).then_some(()));
}

/// Reads the `check` option.
pub fn read_check_option(read: &mut Reader) {
    read.access_check_function("check");
}

/// Returns `true` for a schema that implements version 1 of Standard Schema. JavaScript passes only the schema's
/// `~standard` member to the core.
fn is_schema(raw: &Raw) -> bool {
    let member = |raw: &Raw, name: &str| match raw {
        Raw::Object(members) => members.iter().find_map(|(key, value)| (key == name).then(|| value.clone())),
        _ => None,
    };
    member(raw, "~standard").is_some_and(|standard| {
        member(&standard, "version") == Some(Raw::Number(1.0)) && member(&standard, "validate") == Some(Raw::Function)
    })
}
