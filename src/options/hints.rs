//! Suggests the known option name that is closest to an unknown one, for "did you mean …" messages.

/// Returns the known name that differs from `name` only by upper and lower case, or by a typo.
pub fn closest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let given: Vec<char> = name.to_lowercase().chars().take(MAX_CHARS).collect();
    let allowed = (given.len() / 3).min(2);
    let distances = known.iter().map(|known| {
        let letters: Vec<char> = known.to_lowercase().chars().collect();
        // A known name that starts with the given name is preferred, because users more often forget a letter at the
        // end than add one.
        ((distance(&given, &letters), !letters.starts_with(&given)), *known)
    });
    let close = distances.filter(|((distance, _), _)| *distance <= allowed);
    close.min_by_key(|(rank, _)| *rank).map(|(_, known)| known)
}

/// Maximum number of characters to compare. No option name is this long, and the maximum limits the cost of comparing a
/// long unknown name.
const MAX_CHARS: usize = 40;

/// The number of letters to insert, remove, replace or swap with a neighbor (optimal string alignment distance).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut previous: Vec<usize> = Vec::new();
    let mut entry: Vec<usize> = (0..=b.len()).collect();
    let at = |entry: &[usize], index: usize| entry.get(index).copied().unwrap_or(usize::MAX / 2);
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut least = (at(&entry, j) + usize::from(x != y)).min(at(&entry, j + 1) + 1).min(at(&next, j) + 1);
            let is_swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if is_swapped {
                least = least.min(at(&previous, j - 1) + 1);
            }
            next.push(least);
        }
        previous = std::mem::replace(&mut entry, next);
    }
    at(&entry, b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 6] = ["allowedOrigins", "audience", "jwks", "onError", "publicPaths", "requiredScope"];

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
            assert_eq!(closest(given, &KNOWN), Some(expected), "{given}");
        }
    }

    #[test]
    fn does_not_suggest_an_unrelated_name() {
        for given in ["", "a", "on", "error", "scopes", "scope", "public", "x\u{0}", &"onError".repeat(9_999)] {
            assert_eq!(closest(given, &KNOWN), None, "{given}");
        }
    }
}
