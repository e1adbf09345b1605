//! Threads come and go by the hundred thousand, 64 at a time; part of what each allocated is freed by
//! another. Memory must not grow with the number of threads that were there once.

use std::sync::Mutex;
use std::thread::{Builder, JoinHandle};

use crate::alloc::Alloc;
use crate::random::Random;
use crate::release::little::Little;
use crate::release::print::sample;

/// Threads at a time.
const AT_ONCE: usize = 64;
/// Blocks that a thread allocates and frees.
const OWN: usize = 80;
/// Blocks that it leaves to whichever thread comes by next.
const LEFT: usize = 20;
/// Bytes of a thread's stack: the kernel would keep more for nothing.
const STACK: usize = 128 << 10;

/// What a thread left for another.
static LEGACY: [Mutex<Option<Little<LEFT>>>; AT_ONCE] = [const { Mutex::new(None) }; AT_ONCE];

/// So many threads in all.
pub(crate) fn run<A: Alloc>(count: usize) {
    let mut running: [Option<JoinHandle<()>>; AT_ONCE] = [const { None }; AT_ONCE];
    sample("before", 0);
    for index in 0..count {
        let place = &mut running[index % AT_ONCE];
        if let Some(thread) = place.take() {
            thread.join().expect("a thread ends well");
        }
        let life = move || life::<A>(index);
        *place = Some(Builder::new().stack_size(STACK).spawn(life).expect("a thread starts"));
        if index + 1 == (count / 10).max(1) {
            all_end(&mut running);
            sample("first tenth", 0);
        }
    }
    all_end(&mut running);
    sample("end", 0);
}

fn all_end(running: &mut [Option<JoinHandle<()>>; AT_ONCE]) {
    for thread in running.iter_mut().filter_map(Option::take) {
        thread.join().expect("a thread ends well");
    }
}

fn life<A: Alloc>(index: usize) {
    let mut random = Random::new(47 + index as u64);
    let own = Little::<OWN>::new::<A>(&mut random);
    let left = Little::<LEFT>::new::<A>(&mut random);
    // Not the place of the thread that was joined last: that one's blocks went elsewhere.
    let place = &LEGACY[random.below(AT_ONCE as u32) as usize];
    let inherited = place.lock().expect("nobody panics with the lock").replace(left);
    // SAFETY: its own blocks; and blocks that were taken out of the only place that held them.
    unsafe {
        if let Some(inherited) = inherited {
            inherited.free::<A>();
        }
        own.free::<A>();
    }
}
