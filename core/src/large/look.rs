//! Looks at the large blocks: sizes, sums, descriptions.

use crate::entry::{Entry, Kind};
use crate::heap::Heap;
use crate::layer::LayerStats;
use crate::registry::Registry;
use crate::source::Host;

impl<H: Host, R: Registry> Heap<H, R> {
    /// Bytes that the live large block at `address` holds, whose descriptor is `number`.
    pub(crate) fn large_size_at(&self, address: usize, number: u32) -> Option<usize> {
        self.larges.get(number)?.live_at(address)
    }

    /// What the large layer holds.
    pub(crate) fn large_stats(&self) -> LayerStats {
        self.larges.totals()
    }

    /// Base and size of the live large block that an address lies in. Walks the descriptors, reads
    /// tables only, without the lock: may be asked from a signal handler.
    pub(crate) fn describe_large(&self, address: usize) -> Option<(usize, usize)> {
        let live = self.larges.all().filter(|(_, large)| large.is_live());
        let mut places = live.map(|(_, large)| (large.base(), large.held()));
        places.find(|(base, size)| address.wrapping_sub(*base) < *size)
    }

    /// What the entry of `address` says, or should say: of a large block that moved while memory for
    /// the registry was out there is none.
    #[inline]
    pub(crate) fn listed(&self, entry: Entry, address: usize) -> Kind {
        match entry.kind() {
            Kind::Foreign => self.unlisted_large(address).map_or(Kind::Foreign, Kind::Large),
            kind => kind,
        }
    }

    /// The number of the live block at `address` that the registry has no entry for.
    pub(crate) fn unlisted_large(&self, address: usize) -> Option<u32> {
        if !self.larges.has_unlisted() {
            return None;
        }
        let mut live = self.larges.all();
        live.find_map(|(number, large)| large.live_at(address).map(|_| number))
    }

    /// Checks the sums against the descriptors. Needs a heap at rest.
    #[cfg(any(test, feature = "validate"))]
    pub(crate) fn validate_larges(&self) -> Result<(), &'static str> {
        let (mut count, mut held, mut mapped) = (0, 0, 0);
        for (_, large) in self.larges.all().filter(|(_, large)| large.is_live()) {
            count += 1;
            held += large.held();
            mapped += large.mapped();
            if large.held() > large.mapped() {
                return Err("large: a block is longer than its mapping");
            }
        }
        let totals = self.larges.totals();
        if (count, held, mapped) != (totals.count, totals.held, totals.mapped) {
            return Err("large: the sums differ from the blocks");
        }
        Ok(())
    }
}
