//! What other threads' caches hold, as far as it can be had: see [`crate::door`] for the handshake.
//!
//! ```text
//! gather                       one pass over all caches
//! └─ reach_in                  under the ring's lock: shut the door, take, let the owner on
//!    then, under no lock: what was taken goes home
//! ```
//! The owner of a cache waits at its gate for two fences and the moving of some 12 KiB, no more. Who
//! closes a superslab waits for the ring's lock before it can be unmapped: the reacher may be about to
//! read the link of a block that was just popped, and is free since.

use crate::block::List;
use crate::cache::{Behind, Cache};
use crate::caches::Ring;
use crate::class::{CLASSES, ClassId};
use crate::door::{Gate, NO_NOTES};
use crate::heap::Heap;
use crate::registry::Registry;
use crate::source::Host;
use crate::sync::{light_fence, link};

/// What a pass over the caches came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gathered {
    /// Caches that were emptied.
    pub(crate) emptied: usize,
    /// Caches that were left alone, because their owners used them.
    pub(crate) active: usize,
    /// Bytes in these, about.
    pub(crate) bytes: usize,
}

/// What became of one cache.
enum Reached {
    /// It was emptied before, and not used since; or it is the reacher's own.
    Passed,
    /// It holds about so many bytes, and is in use.
    Active(usize),
    Taken,
}

/// What was taken out of a cache.
struct Loot {
    behind: Behind,
    /// Hot lists, with their lengths or more.
    hot: [(List, u32); CLASSES],
}

impl<H: Host, R: Registry> Heap<H, R> {
    /// The owner begins a slow path, and waits for a reacher inside to come out.
    #[inline(always)]
    pub(crate) fn enter(&self, cache: &mut Cache) {
        if H::REACHES {
            cache.door.enter();
            light_fence();
            if cache.door.gate() != Gate::Open {
                Self::wait_at_gate(cache);
            }
        }
    }

    /// As [`enter`](Self::enter), without waiting. False: a reacher is inside, and the owner must not.
    pub(crate) fn try_enter(&self, cache: &mut Cache) -> bool {
        if H::REACHES {
            cache.door.enter();
            light_fence();
            match cache.door.gate() {
                Gate::Open => {}
                Gate::Emptied => reopen(cache),
                Gate::Shut => {
                    self.leave(cache);
                    return false;
                }
            }
        }
        true
    }

    /// The owner ends a slow path.
    #[inline(always)]
    pub(crate) fn leave(&self, cache: &Cache) {
        if H::REACHES {
            cache.door.leave();
        }
    }

    #[cold]
    #[inline(never)]
    fn wait_at_gate(cache: &mut Cache) {
        loop {
            match cache.door.gate() {
                Gate::Open => return,
                // It found nobody inside, and soon is done; or it finds us now, and opens again.
                Gate::Shut => H::relax(),
                Gate::Emptied => reopen(cache),
            }
        }
    }

    /// Empties caches: all but `own`; or of those the ones that were not used since the last pass.
    // Its own frame: it is a large one.
    #[inline(never)]
    pub(crate) fn gather(&self, own: *const Cache, idle_alone: bool) -> Gathered {
        let mut gathered = Gathered::default();
        if !H::REACHES {
            return gathered;
        }
        // The first fence of a process takes long, and must not find anybody waiting.
        if !self.host.barrier() {
            gathered.active = self.caches.count();
            return gathered;
        }
        let pass = self.caches.ring.with(Ring::begin);
        let mut loot =
            const { Loot { behind: Behind::EMPTY, hot: [const { (List::EMPTY, 0) }; CLASSES] } };
        loop {
            let reached = self.caches.ring.with(|ring| {
                let cache = ring.next(pass)?;
                if core::ptr::eq(cache, own) {
                    return Some(Reached::Passed);
                }
                // SAFETY: caches of the ring are alive while its lock is held.
                Some(unsafe { self.reach_in(cache, idle_alone, &mut loot) })
            });
            match reached {
                None => return gathered,
                Some(Reached::Passed) => {}
                Some(Reached::Active(bytes)) => {
                    gathered.active += 1;
                    gathered.bytes += bytes;
                }
                Some(Reached::Taken) => {
                    gathered.emptied += 1;
                    self.send_loot_home(&mut loot);
                }
            }
        }
    }

    /// Takes what a cache holds, if its owner is in none of the heap's slow paths.
    ///
    /// # Safety
    /// The cache is alive, and the ring's lock is held.
    unsafe fn reach_in(&self, cache: *mut Cache, idle_alone: bool, loot: &mut Loot) -> Reached {
        // SAFETY: the door is made to be shared, and the rest is the lock holder's.
        let (door, listed) = unsafe { (&(*cache).door, &mut (*cache).listed) };
        if door.gate() != Gate::Open {
            return Reached::Passed;
        }
        // SAFETY: the caller's promise.
        let (seen, bytes) = unsafe { look(cache) };
        if core::mem::replace(&mut listed.seen, seen) != seen && idle_alone {
            return Reached::Active(bytes);
        }
        door.set_gate(Gate::Shut);
        door.close();
        if !self.host.barrier() || door.is_busy() {
            // SAFETY: what `open` reads stays the same while the cache is in the ring.
            unsafe { (*cache).open() };
            door.set_gate(Gate::Open);
            return Reached::Active(bytes);
        }
        let mut notes = NO_NOTES;
        for (noted, class) in notes.iter_mut().zip(ClassId::all()) {
            // SAFETY: the caller's promise.
            noted.head = unsafe { Cache::peek_head(cache, class) };
            if noted.head != 0 {
                // SAFETY: a block in a list, or just popped off it. Even if it was freed since, it is
                // mapped still: superslabs that close wait for the ring's lock.
                noted.next = unsafe { link::peek(noted.head) };
            }
        }
        let sure = self.host.barrier();
        for (noted, class) in notes.iter_mut().zip(ClassId::all()) {
            // SAFETY: the caller's promise; the head as above.
            let still = sure
                && noted.next != 0
                && unsafe {
                    Cache::peek_head(cache, class) == noted.head
                        && link::peek(noted.head) == noted.next
                };
            if !still {
                *noted = NO_NOTES[0];
                continue;
            }
            // SAFETY: as above. The owner's one call may be counted or not: one more is enough.
            let len = unsafe { Cache::peek_len(cache, class) } + 1;
            // SAFETY: the owner reaches nothing behind the head before it has read the notes.
            loot.hot[usize::from(class.0)] = (unsafe { List::at(noted.next) }, len);
        }
        // SAFETY: slow paths alone touch these, and the owner is in none, nor gets into one before
        // the gate says so.
        unsafe {
            (*cache).notes = notes;
            core::mem::swap(&mut (*cache).behind, &mut loot.behind);
        }
        door.set_gate(Gate::Emptied);
        Reached::Taken
    }

    /// Sends home what was taken out of a cache.
    fn send_loot_home(&self, loot: &mut Loot) {
        let Loot { behind, hot } = loot;
        for ((list, len), class) in hot.iter_mut().zip(ClassId::all()) {
            if !list.is_empty() {
                self.send_list_home(list.take(), *len, class, &mut behind.tallies);
            }
        }
        // The traffic that it tells of was this cache's: the next one's is another.
        behind.sides.iter_mut().for_each(|side| side.sent = 0);
        self.empty(behind);
    }
}

/// What can be seen of a cache from outside: a word that changes when it is used, and about how many
/// bytes its hot lists hold.
///
/// # Safety
/// The cache is alive.
unsafe fn look(cache: *const Cache) -> (u64, usize) {
    ClassId::all().fold((0, 0), |(seen, bytes): (u64, usize), class| {
        // SAFETY: the caller's promise.
        let head = unsafe { Cache::peek_head(cache, class) };
        // SAFETY: as above.
        let len = unsafe { Cache::peek_len(cache, class) };
        let mixed = (seen ^ head as u64 ^ u64::from(len) << 48).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ mixed >> 29, bytes + len as usize * class.size())
    })
}

/// Makes an emptied cache its owner's again.
fn reopen(cache: &mut Cache) {
    repair(cache);
    cache.open();
    cache.door.set_gate(Gate::Open);
}

/// Ends the hot lists where the reacher cut them, whatever the owner's one call did since.
fn repair(cache: &mut Cache) {
    for class in ClassId::all() {
        let noted = core::mem::replace(&mut cache.notes[usize::from(class.0)], NO_NOTES[0]);
        if noted.head != 0 {
            cache.bin(class).repair(noted);
        }
    }
}
