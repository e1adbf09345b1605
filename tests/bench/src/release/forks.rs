//! Forks by the thousand: each child allocates, frees blocks that it inherited, and ends with
//! `_exit`. The parent's memory must not grow, and no child may hang on a lock.

use crate::alloc::Alloc;
use crate::random::Random;
use crate::release::little::Little;
use crate::release::print::sample;
use crate::worker::fail;

/// Blocks that parent and child allocate.
const OWN: usize = 100;
/// Blocks that the child inherits and frees.
const INHERITED: usize = 50;
/// Seconds after which a child that hangs is killed.
const PATIENCE: u32 = 20;

/// So many children in all, one after another.
pub(crate) fn run<A: Alloc>(count: usize) {
    let mut random = Random::new(53);
    sample("before", 0);
    for index in 0..count {
        let inherited = Little::<INHERITED>::new::<A>(&mut random);
        // SAFETY: this process has one thread; the child ends with `_exit`.
        match unsafe { libc::fork() } {
            -1 => fail("fork failed"),
            0 => child::<A>(inherited, &mut random),
            pid => wait(pid),
        }
        let own = Little::<OWN>::new::<A>(&mut random);
        // SAFETY: the child freed its own copies only.
        unsafe {
            own.free::<A>();
            inherited.free::<A>();
        }
        if index + 1 == (count / 10).max(1) {
            sample("first tenth", 0);
        }
    }
    sample("end", 0);
}

fn child<A: Alloc>(inherited: Little<INHERITED>, random: &mut Random) -> ! {
    // SAFETY: plain system calls; the blocks are this process's copies, each freed once.
    unsafe {
        libc::alarm(PATIENCE);
        let own = Little::<OWN>::new::<A>(random);
        inherited.free::<A>();
        own.free::<A>();
        libc::_exit(0)
    }
}

fn wait(pid: libc::pid_t) {
    let mut status = 0;
    // SAFETY: the child is ours, and nobody else waits for it.
    while unsafe { libc::waitpid(pid, &raw mut status, 0) } == -1 {}
    assert_eq!(status, 0, "a child did not end well");
}
