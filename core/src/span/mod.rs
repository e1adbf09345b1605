//! Spans: blocks above 32 KiB and up to 2 MiB, as runs of grains in superslabs of their own, or in
//! one to four idle slots of a slab superslab, whose *guests* they are.
//!
//! ```text
//! span superslab, 2 MiB: 512 grains of 4 KiB
//! +----------+------------------+----+-------------------------- - -+
//! | span, 9  | free, 14         | 9  |                              |
//! +----------+------------------+----+-------------------------- - -+
//! descriptor (in a table): free 1 bit a grain | dirty 1 bit a grain | words 16 bits a grain
//! ```
//! Sizes round up to an eighth of their power of two. A span's state is the word of its first
//! grain: live or cached, and its length; all other words are 0, so that a second free, or a
//! pointer into a span, shows at once. The bitmaps are written under the one lock; neighbours merge
//! by being neighbours.
//!
//! Before the lock stand two stores of *cached* spans, whole and still touched: a few places in the
//! thread's cache ([`SpanCache`]), and lock-free bins for all threads. What is in either can be
//! handed out with one store to its word.
//!
//! *Contract*: a grain is free, or in exactly one span, live or cached; a superslab that is all
//! free is closed, and its memory back in the page arena, or idle slots again.

mod alloc;
mod bins;
mod bits;
mod cache;
mod class;
mod free;
mod index;
mod look;
mod release;
mod resize;
mod superslab;
mod table;
#[cfg(all(test, not(loom)))]
mod tests;

#[cfg(all(test, loom))]
pub(crate) use {bins::Bins, class::SpanClass, superslab::SpanId};

pub(crate) use cache::SpanCache;
pub(crate) use index::SpanIndex;
pub(crate) use superslab::SpanSuperslab;
pub(crate) use table::Spans;
