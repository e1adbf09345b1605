//! A layer in numbers.

/// What a layer holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerStats {
    /// Bytes mapped for the layer.
    pub mapped: usize,
    /// Of these, bytes in blocks that users and caches hold.
    pub held: usize,
    /// Superslabs, or large mappings.
    pub count: usize,
}
