//! A layer in numbers.

/// What a layer holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerStats {
    /// Bytes mapped for the layer. Spans in idle slots of slabs are in the slabs' bytes.
    pub mapped: usize,
    /// Bytes in the layer's blocks that users and caches hold.
    pub held: usize,
    /// Superslabs, or large mappings.
    pub count: usize,
}
