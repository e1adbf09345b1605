//! Publication of the registry's leaves.

use super::{Fiction, bounded};
use crate::entry::Entry;
use crate::geometry::SLOT;
use crate::ledger::Ledger;
use crate::registry::TwoLevel;
use crate::registry::sealed::Sealed;
use loom::sync::Arc;
use loom::thread;

/// Two threads make a leaf and write entries of their own into it; a third looks a wild address up,
/// which nothing orders after either: it finds nothing or an entry, and never reads a leaf that is
/// not made yet.
///
/// Fails when weakened: the Release of `Ledger::table`, the Acquire of `published`.
#[test]
fn a_leaf_is_made_by_two_and_read_by_anyone() {
    bounded(3, || {
        let registry = Arc::new((TwoLevel::new(), Ledger::new(), Fiction::new()));
        let write = |(registry, ledger, source): &(TwoLevel, Ledger, Fiction), slot: usize| {
            assert!(registry.prepare(source, ledger, slot * SLOT, SLOT));
            registry.set_entries(slot * SLOT, 1, Entry::large(slot as u32).0);
            registry.set_number(slot * SLOT, 1, slot as u32);
        };
        let writers = [2, 4].map(|slot| {
            let theirs = registry.clone();
            thread::spawn(move || write(&theirs, slot))
        });
        let wild = registry.0.entry(2 * SLOT);
        assert!(wild == 0 || wild == Entry::large(2).0);
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        for slot in [2, 4] {
            assert_eq!(registry.0.entry(slot * SLOT), Entry::large(slot as u32).0);
            assert_eq!(registry.0.number(slot * SLOT), slot as u32);
        }
    });
}
