//! Parsers for option values.

use super::raw::Raw;
use crate::error::is_invisible;

/// Parses a non-empty string.
#[must_use]
pub fn text(raw: &Raw) -> Option<String> {
    if let Raw::String(text) = raw { Some(text.clone()).filter(|text| !text.is_empty()) } else { None }
}

/// Parses an identifier: a non-empty string without white space, control characters or quotes, which would prevent a
/// match. Quotes usually come from a shell or from a `.env` file.
pub fn identifier(raw: &Raw) -> Option<String> {
    let is_forbidden = |char: char| char.is_whitespace() || is_invisible(char) || matches!(char, '"' | '`');
    text(raw).filter(|text| !text.contains(is_forbidden) && !text.starts_with('\''))
}

/// Parses a name, which may contain spaces, unlike an identifier.
pub fn name(raw: &Raw) -> Option<String> {
    text(raw).filter(|text| text.trim() == text && !text.contains(is_invisible))
}

/// Parses a value that `parse` accepts, or a non-empty array of such values.
pub fn one_or_more(raw: &Raw, parse: impl Fn(&Raw) -> Option<String>) -> Option<Vec<String>> {
    parse(raw).map(|text| vec![text]).or_else(|| items(raw, parse))
}

/// Parses a non-empty array whose items `parse` accepts.
pub fn items<T>(raw: &Raw, parse: impl Fn(&Raw) -> Option<T>) -> Option<Vec<T>> {
    match raw {
        Raw::List(items) if !items.is_empty() => items.iter().map(parse).collect(),
        _ => None,
    }
}

/// Parses one of several known names, and returns its value.
pub fn one_of<T: Clone>(raw: &Raw, known: &[(&str, T)]) -> Option<T> {
    let name = text(raw)?;
    known.iter().find_map(|(known, value)| (*known == name).then(|| value.clone()))
}
