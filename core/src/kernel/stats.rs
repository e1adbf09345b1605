//! A kernel's heap in numbers, for its console.

use crate::layer::LayerStats;
#[cfg(target_has_atomic = "64")]
use crate::stats::Stats;
use core::fmt;

/// Layers at most.
const LAYERS: usize = 3;

/// What a kernel's heap holds, in bytes. `total` is `in_use`, `free` and `tables` together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelStats {
    /// In all regions, without what was trimmed off.
    pub total: usize,
    /// In blocks that callers hold, by the size of the block.
    pub in_use: usize,
    /// Neither in use nor the heap's own.
    pub free: usize,
    /// In the heap's own tables, which lie in the regions too.
    pub tables: usize,
    /// Taken from the regions: for blocks, for what is kept free beside them, and for tables.
    pub held: usize,
    /// The most that `held` ever was.
    pub peak: usize,
    /// The layers by name, those that the heap has; a name that is empty is none.
    pub layers: [(&'static str, LayerStats); LAYERS],
}

impl KernelStats {
    /// Of a heap of slabs. `total`: bytes of its regions; `cached`: bytes of free blocks in its caches,
    /// slabs' and spans', as far as they are known.
    #[cfg(target_has_atomic = "64")]
    pub(crate) fn hosted(stats: &Stats, total: usize, cached: (usize, usize)) -> Self {
        let in_slabs =
            LayerStats { held: stats.slabs.held.saturating_sub(cached.0), ..stats.slabs };
        let in_spans =
            LayerStats { held: stats.spans.held.saturating_sub(cached.1), ..stats.spans };
        let layers = [("slabs", in_slabs), ("spans", in_spans), ("large", stats.large)];
        let in_use = layers.iter().map(|(_, layer)| layer.held).sum();
        Self {
            total,
            in_use,
            free: total.saturating_sub(in_use + stats.tables),
            tables: stats.tables,
            held: stats.mapped,
            peak: stats.mapped_peak,
            layers,
        }
    }
}

impl fmt::Display for KernelStats {
    /// A line for the heap, and one for each layer.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { total, in_use, free, tables, held, peak, .. } = self;
        write!(out, "heap of {total} bytes: {in_use} in use, {free} free, {tables} in tables")?;
        write!(out, "; {held} held, {peak} at most")?;
        for (name, layer) in self.layers.iter().filter(|(name, _)| !name.is_empty()) {
            let LayerStats { mapped, held, count } = layer;
            write!(out, "\n  {name}: {held} bytes in use of {mapped}, in {count}")?;
        }
        Ok(())
    }
}
