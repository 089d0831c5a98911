//! The revocation table, which contains the time of the latest revocation for each user, session or other token
//! property. The table is split into shards, which readers lock only briefly.

use std::collections::HashMap;
use std::collections::hash_map::Entry as MapEntry;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use super::entry::{Entry, RevocationKind};
use super::fingerprints::{Fingerprint, RevocationState, TokenProperties};
use crate::claims::Subject;
use crate::lock::lock;

/// The number of shards for each kind of revocation. With a million revocations, rehashing or pruning a shard takes
/// less than a millisecond.
const SHARDS_PER_KIND: usize = 64;

/// The number of maps in a revocation table: one for each kind of revocation except [`RevocationKind::All`], which
/// needs only one timestamp.
const MAPS_PER_TABLE: usize = RevocationKind::ALL.len() - 1;

/// Maps the fingerprint of a token property to the time of its latest revocation, as Unix time in seconds. Each
/// revocation takes 20 bytes.
type RevocationMap = HashMap<Fingerprint, u32, BuildHasherDefault<FingerprintHasher>>;

/// The table of all revocations in force.
#[derive(Debug)]
pub(super) struct RevocationTable {
    maps: [Shards; MAPS_PER_TABLE],
    /// The time of the latest revocation that covers all tokens, or 0 if there is none.
    all_revoked_at: AtomicU32,
    /// Held while `all_revoked_at` is written. Otherwise, pruning could clear `all_revoked_at` just after another
    /// thread has set it to the time of a newer revocation.
    all_revoked_lock: Mutex<()>,
    /// The version number of the table, which changes each time new revocations have been added.
    version: AtomicU64,
    next_pruned_shard: AtomicUsize,
}

/// The revocations of one kind, split into shards.
#[derive(Debug)]
struct Shards {
    /// The number of revocations in all shards. While it is 0, lookups return without locking a shard.
    len: AtomicUsize,
    shards: [RwLock<RevocationMap>; SHARDS_PER_KIND],
}

impl RevocationTable {
    pub fn new() -> Self {
        let shards = || Shards { len: AtomicUsize::new(0), shards: std::array::from_fn(|_| RwLock::default()) };
        Self {
            maps: std::array::from_fn(|_| shards()),
            all_revoked_at: AtomicU32::new(0),
            all_revoked_lock: Mutex::default(),
            version: AtomicU64::new(new_table_version()),
            next_pruned_shard: AtomicUsize::new(0),
        }
    }

    /// The number of revocations in the table.
    pub fn len(&self) -> usize {
        let maps = self.maps.iter().map(|map| map.len.load(Ordering::Relaxed)).sum::<usize>();
        maps + usize::from(self.all_revoked_at.load(Ordering::Relaxed) > 0)
    }

    /// Adds revocations. For each user, session or other token property, only the time of the latest revocation counts,
    /// so revocations may arrive in any order and more than once.
    pub fn insert<'a>(&self, entries: impl IntoIterator<Item = &'a Entry>) {
        let mut is_changed = false;
        for entry in entries {
            is_changed |= self.insert_entry(entry);
        }
        if is_changed {
            // The version of the table changes only after lookups can find the new revocations. Otherwise, a token
            // could be recorded as checked against the new version although it was compared only with the older
            // revocations.
            self.version.fetch_max(new_table_version(), Ordering::AcqRel);
        }
    }

    fn insert_entry(&self, Entry { kind, id, organization, before }: &Entry) -> bool {
        let Some(map) = self.maps.get(kind.index()) else {
            let _guard = lock(&self.all_revoked_lock);
            return self.all_revoked_at.fetch_max(*before, Ordering::Release) < *before;
        };
        let fingerprint = Fingerprint::new(*kind, id, organization);
        let Some(shard) = map.shard(fingerprint) else { return false };
        match shard.write().unwrap_or_else(PoisonError::into_inner).entry(fingerprint) {
            MapEntry::Occupied(time) if time.get() >= before => return false,
            MapEntry::Occupied(mut time) => drop(time.insert(*before)),
            MapEntry::Vacant(slot) => {
                slot.insert(*before);
                map.len.fetch_add(1, Ordering::Release);
            }
        }
        true
    }

    /// Whether adding this revocation would change the table.
    pub fn is_changed_by(&self, Entry { kind, id, organization, before }: &Entry) -> bool {
        let time = self.maps.get(kind.index()).map_or_else(
            || Some(self.all_revoked_at.load(Ordering::Acquire)),
            |map| map.get(Fingerprint::new(*kind, id, organization)),
        );
        time.is_none_or(|time| time < *before)
    }

    /// The kind of a revocation that covers the token, or `None` if the token is not revoked.
    pub fn find_revocation_kind(&self, subject: &Subject, state: &RevocationState) -> Option<RevocationKind> {
        let version = self.version.load(Ordering::Acquire);
        if state.has_passed_check(version) {
            return None;
        }
        if self.len() > 0 {
            let revocation_kind = self.find_matching_kind(state.properties(subject));
            if revocation_kind.is_some() {
                return revocation_kind;
            }
        }
        state.record_passed_check(version);
        None
    }

    fn find_matching_kind(
        &self,
        TokenProperties { issued_at, fingerprints, .. }: &TokenProperties,
    ) -> Option<RevocationKind> {
        let covers = |before: u32| issued_at.is_none_or(|issued_at| issued_at <= f64::from(before));
        let all_revoked_at = self.all_revoked_at.load(Ordering::Acquire);
        if all_revoked_at > 0 && covers(all_revoked_at) {
            return Some(RevocationKind::All);
        }
        fingerprints.iter().find_map(|(kind, fingerprint)| {
            let before = self.maps.get(kind.index())?.get(*fingerprint)?;
            (kind.covers_later_tokens() || covers(before)).then_some(*kind)
        })
    }

    /// For each kind of revocation, removes the revocations older than `cutoff` from the next shard. Pruning all shards
    /// at once would block the event loop. `cutoff` returns Unix time in seconds. It is called again after each shard
    /// has been locked, because another thread may just have passed a longer token lifetime to the mirror, and older
    /// revocations must then be kept.
    pub fn prune_next_shards(&self, cutoff: impl Fn() -> u32) {
        let index = self.next_pruned_shard.fetch_add(1, Ordering::Relaxed) % SHARDS_PER_KIND;
        for map in &self.maps {
            map.prune(index, &cutoff);
        }
        let _guard = lock(&self.all_revoked_lock);
        if self.all_revoked_at.load(Ordering::Acquire) < cutoff() {
            self.all_revoked_at.store(0, Ordering::Release);
        }
    }
}

impl Shards {
    /// The time of the latest revocation with this fingerprint. If there are no revocations of this kind, no lock is
    /// taken.
    fn get(&self, fingerprint: Fingerprint) -> Option<u32> {
        if self.len.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.shard(fingerprint)?.read().unwrap_or_else(PoisonError::into_inner).get(&fingerprint).copied()
    }

    fn shard(&self, fingerprint: Fingerprint) -> Option<&RwLock<RevocationMap>> {
        // The map hashes the first two words of a fingerprint, so the third word selects the shard.
        self.shards.get(fingerprint.0[2] as usize % SHARDS_PER_KIND)
    }

    fn prune(&self, index: usize, cutoff: impl Fn() -> u32) {
        let Some(shard) = self.shards.get(index) else { return };
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        let (previous_len, cutoff) = (shard.len(), cutoff());
        shard.retain(|_, time| *time >= cutoff);
        if shard.capacity() > 4 * shard.len() {
            shard.shrink_to_fit();
        }
        self.len.fetch_sub(previous_len - shard.len(), Ordering::Release);
    }
}

/// A version that no table in the process has had before.
fn new_table_version() -> u64 {
    static NEXT_TABLE_VERSION: AtomicU64 = AtomicU64::new(1);
    NEXT_TABLE_VERSION.fetch_add(1, Ordering::AcqRel)
}

impl Hash for Fingerprint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [first, second, ..] = self.0;
        state.write_u64(u64::from(first) << 32 | u64::from(second));
    }
}

/// Uses the first two words of a fingerprint as its hash, because fingerprints are already random.
#[derive(Default)]
struct FingerprintHasher(u64);

impl Hasher for FingerprintHasher {
    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, words: u64) {
        self.0 = words;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use oorandom::Rand32;
    use serde_json::{Value, json};

    use super::super::entry::tests::entry;
    use super::*;
    use crate::claims::tests::{NO_CLAIM, claims};

    const ISSUED_AT: u32 = 1_000;

    fn table(entries: &[Entry]) -> RevocationTable {
        let table = RevocationTable::new();
        table.insert(entries);
        table
    }

    /// The kind of the revocation that covers a token with these claims, or `None` if the token is not revoked.
    fn find_kind(table: &RevocationTable, members: Value) -> Option<RevocationKind> {
        let mut all_claims = json!({
            "sub": "u", "iat": ISSUED_AT, "client_id": "c", "organization_id": "org", "sid": "s", "grant_id": "g", "jti": "t",
        });
        let Value::Object(members) = members else { panic!("members") };
        all_claims.as_object_mut().unwrap().extend(members);
        table.find_revocation_kind(&claims(all_claims).check_types().unwrap(), &RevocationState::default())
    }

    fn covers(kind: RevocationKind, id: &str, before: u32) -> bool {
        let actual_kind = find_kind(&table(&[entry(kind, id, before)]), json!({}));
        assert!(actual_kind.is_none_or(|actual_kind| actual_kind == kind));
        actual_kind.is_some()
    }

    #[test]
    fn an_entry_covers_tokens_up_to_and_including_its_second() {
        for (kind, id) in [
            (RevocationKind::Subject, "u"),
            (RevocationKind::Member, "u"),
            (RevocationKind::Organization, "org"),
            (RevocationKind::Client, "c"),
            (RevocationKind::All, ""),
        ] {
            assert!(covers(kind, id, ISSUED_AT + 1) && covers(kind, id, ISSUED_AT), "{kind:?}");
            assert!(!covers(kind, id, ISSUED_AT - 1), "{kind:?}");
            assert!(kind == RevocationKind::All || !covers(kind, "other", ISSUED_AT), "{kind:?}");
        }
    }

    #[test]
    fn an_entry_covers_a_token_issued_within_its_second() {
        let table = table(&[entry(RevocationKind::Subject, "u", ISSUED_AT)]);
        assert_eq!(find_kind(&table, json!({ "iat": 1_000.9 })), Some(RevocationKind::Subject));
        assert_eq!(find_kind(&table, json!({ "iat": 1_001 })), None);
    }

    #[test]
    fn a_session_grant_or_token_is_covered_whenever_it_was_issued() {
        for (kind, id) in [(RevocationKind::Session, "s"), (RevocationKind::Grant, "g"), (RevocationKind::Token, "t")] {
            assert!(covers(kind, id, ISSUED_AT - 1), "{kind:?}");
            assert!(!covers(kind, "other", ISSUED_AT), "{kind:?}");
        }
    }

    #[test]
    fn a_token_without_a_time_is_covered_by_every_entry_for_it() {
        for (kind, id) in
            [(RevocationKind::Subject, "u"), (RevocationKind::Organization, "org"), (RevocationKind::All, "")]
        {
            let table = table(&[entry(kind, id, 1)]);
            assert_eq!(find_kind(&table, json!({ "iat": NO_CLAIM })), Some(kind));
        }
    }

    #[test]
    fn an_entry_does_not_cover_tokens_without_its_claim() {
        for (kind, id, claim) in [
            (RevocationKind::Session, "s", "sid"),
            (RevocationKind::Grant, "g", "grant_id"),
            (RevocationKind::Token, "t", "jti"),
            (RevocationKind::Client, "c", "client_id"),
        ] {
            assert_eq!(find_kind(&table(&[entry(kind, id, ISSUED_AT)]), json!({ (claim): NO_CLAIM })), None, "{claim}");
        }
    }

    #[test]
    fn a_member_is_covered_only_in_the_organization_of_the_entry() {
        let table = table(&[entry(RevocationKind::Member, "u", ISSUED_AT)]);
        assert_eq!(find_kind(&table, json!({})), Some(RevocationKind::Member));
        assert_eq!(find_kind(&table, json!({ "organization_id": "other" })), None);
        assert_eq!(find_kind(&table, json!({ "organization_id": NO_CLAIM })), None);
        assert_eq!(find_kind(&table, json!({ "sub": "other" })), None);
    }

    #[test]
    fn a_token_that_passed_a_check_is_rejected_after_a_new_entry_for_it() {
        let table = table(&[entry(RevocationKind::Subject, "other", ISSUED_AT)]);
        let claims = claims(json!({ "sub": "u", "iat": ISSUED_AT }));
        let (subject, state) = (claims.check_types().unwrap(), RevocationState::default());
        assert_eq!(
            (table.find_revocation_kind(&subject, &state), table.find_revocation_kind(&subject, &state)),
            (None, None)
        );
        table.insert(&[entry(RevocationKind::Subject, "u", ISSUED_AT)]);
        assert_eq!(table.find_revocation_kind(&subject, &state), Some(RevocationKind::Subject));
        assert_eq!(RevocationTable::new().find_revocation_kind(&subject, &state), None);
        assert_eq!(table.find_revocation_kind(&subject, &state), Some(RevocationKind::Subject));
    }

    #[test]
    fn a_repeated_entry_does_not_change_the_version() {
        let table = table(&[entry(RevocationKind::Subject, "u", 5), entry(RevocationKind::All, "", 5)]);
        let version = table.version.load(Ordering::Relaxed);
        table.insert(&[
            entry(RevocationKind::Subject, "u", 5),
            entry(RevocationKind::Subject, "u", 4),
            entry(RevocationKind::All, "", 3),
        ]);
        assert_eq!((table.version.load(Ordering::Relaxed), table.len()), (version, 2));
        for (kind, id) in [(RevocationKind::Subject, "u"), (RevocationKind::All, "")] {
            assert!(!table.is_changed_by(&entry(kind, id, 5)) && table.is_changed_by(&entry(kind, id, 6)), "{kind:?}");
        }
        assert!(table.is_changed_by(&entry(RevocationKind::Client, "u", 5)));
    }

    #[test]
    fn many_entries_cover_no_other_token() {
        const ENTRY_COUNT: u32 = 100_000;
        let subject = |id: u32| Fingerprint::new(RevocationKind::Subject, &id.to_string(), "");
        let table = RevocationTable::new();
        for id in 0..ENTRY_COUNT {
            table.insert(&[entry(RevocationKind::Subject, &id.to_string(), ISSUED_AT)]);
        }
        assert_eq!(table.len(), ENTRY_COUNT as usize);
        let map = &table.maps[RevocationKind::Subject.index()];
        assert!((ENTRY_COUNT..2 * ENTRY_COUNT).all(|id| map.get(subject(id)).is_none()));
        assert!((0..ENTRY_COUNT).step_by(1_000).all(|id| map.get(subject(id)) == Some(ISSUED_AT)));
    }

    #[test]
    fn expired_entries_are_removed() {
        let entries: Vec<_> = (0..1_000).map(|n| entry(RevocationKind::Subject, &n.to_string(), n)).collect();
        let table = table(&entries);
        table.insert(&[entry(RevocationKind::All, "", 10)]);
        assert_eq!(table.len(), 1_001);
        for _ in 0..SHARDS_PER_KIND {
            table.prune_next_shards(|| 900);
        }
        assert_eq!(table.len(), 100);
        let token = |id: &str| find_kind(&table, json!({ "sub": id, "iat": 1 }));
        assert_eq!((token("899"), token("900")), (None, Some(RevocationKind::Subject)));
    }

    #[test]
    fn no_entry_can_be_added_between_the_age_check_and_the_removal() {
        let table = table(&[entry(RevocationKind::Subject, "u", 5), entry(RevocationKind::All, "", 5)]);
        for _ in 0..SHARDS_PER_KIND {
            let checks = std::cell::Cell::new(0);
            table.prune_next_shards(|| {
                checks.set(checks.get() + 1);
                let is_last = checks.get() == MAPS_PER_TABLE + 1;
                assert_eq!(table.all_revoked_lock.try_lock().is_err(), is_last);
                let locked_shards =
                    table.maps.iter().flat_map(|map| &map.shards).filter(|shard| shard.try_read().is_err());
                assert_eq!(locked_shards.count(), usize::from(!is_last));
                10
            });
        }
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn any_order_and_any_repetition_result_in_the_same_table() {
        for seed in 1..80 {
            let mut random = Rand32::new(seed);
            let mut draw = |below| random.rand_range(0..below);
            let entries: Vec<Entry> = (0..=draw(30))
                .map(|_| {
                    let (kind, _) = RevocationKind::ALL[usize::try_from(draw(8)).unwrap()];
                    entry(kind, ["u", "c", "org", "s", "g", "t"][usize::try_from(draw(6)).unwrap()], draw(5) + 1)
                })
                .collect();
            let expected_table = table(&entries);
            let mut shuffled_entries = entries.clone();
            for _ in 0..draw(40) {
                let index = usize::try_from(draw(u32::try_from(entries.len()).unwrap())).unwrap();
                shuffled_entries.push(entries[index].clone());
            }
            for i in (1..shuffled_entries.len()).rev() {
                shuffled_entries.swap(i, usize::try_from(draw(u32::try_from(i).unwrap() + 1)).unwrap());
            }
            let actual_table = RevocationTable::new();
            for part in shuffled_entries.chunks(3) {
                actual_table.insert(part);
            }
            assert_eq!(actual_table.len(), expected_table.len(), "seed {seed}");
            for iat in 0..8 {
                for (kind, name) in RevocationKind::ALL {
                    let other_claims = match kind {
                        RevocationKind::Subject | RevocationKind::Member => {
                            json!({ "client_id": "x", "sid": "x", "grant_id": "x", "jti": "x" })
                        }
                        _ => json!({ "sub": "x" }),
                    };
                    let mut members = other_claims;
                    members["iat"] = iat.into();
                    assert_eq!(
                        find_kind(&actual_table, members.clone()),
                        find_kind(&expected_table, members),
                        "seed {seed} {name} {iat}"
                    );
                }
            }
        }
    }
}
