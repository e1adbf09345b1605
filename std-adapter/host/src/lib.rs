//! What both adapters of hakmem to Linux need, once: pages over mmap, options from the environment,
//! the end of threads, `fork`, what a container allows, and the last words after a misuse.
//!
//! ```text
//!   Heap<Linux<A>> --- pages ---------> pages.rs     mmap, munmap, madvise, mremap
//!        |                             huge.rs      transparent huge pages
//!        |         --- first call ----> threads.rs   a pthread key whose destructor retires the cache
//!        |         --- misuse --------> linux.rs     one line on stderr (line.rs), then abort
//!        ^
//!   A: Adapter  (the heap's static lives there)
//!        |--- refuse -----------------> refusal.rs   the program is asked before null
//!        \--- start(envp) ------------> options.rs   HAKMEM_*, parsed once
//!                                       fork.rs      pthread_atfork around the heap's one lock
//!        |--- attend, stirred -------> background.rs   the thread: decay, and every few seconds
//!        |                             container/      limits of cgroups, memory pressure
//!        |                             learn/          the learner: its steps, record and policy
//! ```
//!
//! The crate is `no_std` without exception and none of its code allocates: it runs inside `malloc`.

#![no_std]

#[cfg(test)]
extern crate std;

mod background;
mod bytes;
pub mod container;
mod fork;
mod huge;
mod learn;
mod libc;
mod line;
mod linux;
mod options;
mod pages;
mod process;
mod refusal;
mod threads;

pub use background::Background;
pub use learn::{Learn, Learning, Told};
pub use line::Line;
pub use linux::{Adapter, Linux};
pub use options::{Foreign, Limits, Options, Settings, Trouble, parse};
pub use refusal::{OnRefusal, RETRIES, Refusal};
