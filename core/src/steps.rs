//! The turns of the loops that a call for a small block takes, counted for the tests that bound them.
//!
//! Each loop on the ways of an allocation and a free says what a turn of it is: a block that is linked,
//! drawn, sorted or sent; a superslab that is looked at; a word of a table that is read or changed.
//! What is not in a loop is constant. Compiled in for core's own tests alone: elsewhere nothing is left
//! of it.

#[cfg(all(test, not(loom)))]
mod tests;

/// What one call took.
#[cfg(all(test, not(loom)))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Steps {
    pub(crate) blocks: usize,
    pub(crate) superslabs: usize,
    pub(crate) words: usize,
}

#[cfg(all(test, not(loom)))]
std::thread_local! {
    static STEPS: core::cell::Cell<Steps> =
        const { core::cell::Cell::new(Steps { blocks: 0, superslabs: 0, words: 0 }) };
}

#[cfg(all(test, not(loom)))]
fn count(one: impl FnOnce(&mut Steps)) {
    let mut steps = STEPS.get();
    one(&mut steps);
    STEPS.set(steps);
}

/// A block is linked, drawn, sorted or sent.
#[inline(always)]
pub(crate) fn block() {
    #[cfg(all(test, not(loom)))]
    count(|steps| steps.blocks += 1);
}

/// A superslab is looked at in a search.
#[inline(always)]
pub(crate) fn superslab() {
    #[cfg(all(test, not(loom)))]
    count(|steps| steps.superslabs += 1);
}

/// A word is read or changed: of a slab, of a bitmap, of a hint, of the registry.
#[inline(always)]
pub(crate) fn word() {
    #[cfg(all(test, not(loom)))]
    count(|steps| steps.words += 1);
}
