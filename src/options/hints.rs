//! Suggests the known option name that is closest to an unknown one, for "did you mean …" messages.

/// Names of options in other libraries, after the option of this library with the same meaning.
const ALIASES: [(&str, &[&str]); 5] = [
    ("requiredScope", &["scope", "scopes", "permission", "permissions"]),
    ("requiredRole", &["role", "roles"]),
    ("organizationId", &["org", "orgId"]),
    ("audience", &["aud", "resource", "resources"]),
    ("logtoUrl", &["endpoint", "url", "domain"]),
];

/// Returns the known option name that the user probably meant by `name`: one that differs from it only by a typo or in
/// case, or the name of the option that other libraries call `name`.
pub fn suggested_name<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let is_alias = |option: &str| ALIASES.iter().any(|(meant, aliases)| *meant == option && aliases.contains(&name));
    closest_name(name, known).or_else(|| known.iter().copied().find(|option| is_alias(option)))
}

/// Returns the known option name that differs from `name` only by a typo or in case.
fn closest_name<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let given_letters: Vec<char> = name.to_lowercase().chars().take(MAX_COMPARED_CHARS).collect();
    let max_distance = (given_letters.len() / 3).min(2);
    let distances = known.iter().map(|known| {
        let known_letters: Vec<char> = known.to_lowercase().chars().collect();
        // A known name that starts with the given name is preferred, because users more often forget a letter at the
        // end than add one.
        ((distance(&given_letters, &known_letters), !known_letters.starts_with(&given_letters)), *known)
    });
    let candidates = distances.filter(|((distance, _), _)| *distance <= max_distance);
    candidates.min_by_key(|(rank, _)| *rank).map(|(_, known)| known)
}

/// Maximum number of characters of an unknown option name that are compared with known names. No option name is this
/// long, and the maximum limits the cost of comparing a long unknown name.
const MAX_COMPARED_CHARS: usize = 40;

/// The number of letters to insert, remove, replace or swap with a neighbor (optimal string alignment distance).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut previous_row: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let cell = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX / 2);
    for (i, x) in a.iter().enumerate() {
        let mut next_row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut edits =
                (cell(&row, j) + usize::from(x != y)).min(cell(&row, j + 1) + 1).min(cell(&next_row, j) + 1);
            let is_swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if is_swapped {
                edits = edits.min(cell(&previous_row, j - 1) + 1);
            }
            next_row.push(edits);
        }
        previous_row = std::mem::replace(&mut row, next_row);
    }
    cell(&row, b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN_NAMES: [&str; 6] = ["allowedOrigins", "audience", "jwks", "onError", "publicPaths", "requiredScope"];

    #[test]
    fn finds_a_name_with_a_typo() {
        for (given, expected) in [
            ("onErorr", "onError"),
            ("onerror", "onError"),
            ("onErrror", "onError"),
            ("publicPath", "publicPaths"),
            ("allowedorigins", "allowedOrigins"),
            ("alowedOrigns", "allowedOrigins"),
            ("AUDIENCE", "audience"),
            ("jkws", "jwks"),
        ] {
            assert_eq!(closest_name(given, &KNOWN_NAMES), Some(expected), "{given}");
        }
    }

    #[test]
    fn finds_the_option_that_other_libraries_call_differently() {
        for (given, expected) in [("scopes", "requiredScope"), ("scope", "requiredScope"), ("resource", "audience")] {
            assert_eq!(suggested_name(given, &KNOWN_NAMES), Some(expected), "{given}");
        }
        assert_eq!(suggested_name("roles", &KNOWN_NAMES), None); // `requiredRole` is not an option here
        assert_eq!(suggested_name("onErorr", &KNOWN_NAMES), Some("onError"));
    }

    #[test]
    fn does_not_suggest_an_unrelated_name() {
        for given in ["", "a", "on", "error", "scopes", "scope", "public", "x\u{0}", &"onError".repeat(9_999)] {
            assert_eq!(closest_name(given, &KNOWN_NAMES), None, "{given}");
        }
    }
}
