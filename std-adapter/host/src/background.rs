//! The background thread: rounds of decay, relief under pressure, and the limits of the container.
//!
//! ```text
//! growth, a second thread ... due        (noted inside the heap, in words)
//! end of a slow allocation .. attend     (outside of it: pthread_create may allocate)
//!                             └─ started once, in a process that has threads already
//! round ..................... decay; pauses grow while nothing happens, up to no end at all
//! between rounds ............ the learner's steps, when one is due
//! memory comes free ......... stirred    wakes it from a pause without end; so does a rush of growth
//! much of it ................ pressed    it keeps the heap's bounds, so that frees need not
//! fork ...................... the child has none, and may start its own
//! ```
//! It has a small stack, blocks every signal, allocates nothing, and ends with the program's last
//! thread. A second thread in a program that has one would be seen: `unshare(CLONE_NEWUSER)` fails,
//! and some runtimes warn at a fork. So, unless told otherwise, it starts in no such program.

use crate::container;
use crate::libc;
use crate::linux::{Adapter, Linux};
use crate::process;
use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::{
    AtomicBool, AtomicI32, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering,
};
use rustix::thread::futex::{self, Flags, Timespec};

/// Whether the thread may start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Background {
    /// In a process that has several threads.
    #[default]
    Auto,
    /// In every process that grows.
    On,
    /// Never.
    Off,
}

/// Bytes held from the system before which nothing is started, nor any file read.
const GROWTH: usize = 8 << 20;
/// Stack, the thread-local block of the process included.
const STACK: usize = 256 << 10;
/// Doublings of the pause while nothing happens; after that, if all is at rest, it has no end.
const DOUBLINGS: u32 = 4;
/// Milliseconds between two looks at files.
const LOOK: u64 = 4000;
/// Milliseconds between two looks at whether the program's threads are gone, at most.
const LONGEST_LOOK: u64 = 640;
/// Milliseconds by which a round may come early: the clock is no finer.
const EARLY: u64 = 4;
/// Milliseconds of decay, at most, that make it right to count on it.
const SOON: u32 = 8000;
/// Hundredths of a percent of time stalled for memory from which on everything goes back.
const PRESSURE: u32 = 1000;

const NONE: u32 = 0;
const DUE: u32 = 1;
const STARTING: u32 = 2;
const RUNNING: u32 = 3;
const NEVER: u32 = 4;

/// What the thread waits in.
const AWAKE: u32 = 0;
const PAUSE: u32 = 1;
const REST: u32 = 2;
/// A pause that ends when something stirs.
const DOZE: u32 = 3;
const ANY: &[u32] = &[PAUSE, REST, DOZE];

/// The thread, as its host knows it.
pub(crate) struct Thread {
    state: AtomicU32,
    pid: AtomicI32,
    /// Bytes held when the process began: in the child of a fork, the parent's.
    inherited: AtomicUsize,
    /// Whether limits were read.
    looked: AtomicBool,
    /// The soft limit that was made of them; 0: none.
    soft: AtomicU64,
    background: AtomicU8,
    /// Whether memory came free since the last round.
    stirred: AtomicBool,
    /// Whether the last cache went away: the process may be at its end.
    left: AtomicBool,
    /// Whether there was a rush of growth since the thread last asked when the learner is due.
    rushed: AtomicBool,
    /// Whether too much came free for the thread to wait for its round.
    pressed: AtomicBool,
    waiting: AtomicU32,
}

impl Thread {
    pub(crate) const fn new() -> Self {
        Self {
            state: AtomicU32::new(NONE),
            pid: AtomicI32::new(0),
            inherited: AtomicUsize::new(0),
            looked: AtomicBool::new(false),
            soft: AtomicU64::new(0),
            background: AtomicU8::new(Background::Auto as u8),
            stirred: AtomicBool::new(false),
            left: AtomicBool::new(false),
            rushed: AtomicBool::new(false),
            pressed: AtomicBool::new(false),
            waiting: AtomicU32::new(AWAKE),
        }
    }

    /// Ends a wait of one of these kinds.
    fn wake(&self, kinds: &[u32]) {
        for &kind in kinds {
            // ORDERING: SeqCst, as in `rest`: of one who stirs and the thread that goes to rest, at
            // least one sees the other.
            if self.waiting.load(Ordering::SeqCst) == kind {
                self.waiting.store(AWAKE, Ordering::SeqCst);
                let _ = futex::wake(&self.waiting, Flags::PRIVATE, 1);
            }
        }
    }

    /// Waits for so many milliseconds, if that has an end, and unless it is a pause, until something
    /// stirs; not once the last cache went away, nor in a rush, nor under pressure.
    fn wait(&self, kind: u32, millis: Option<u64>) {
        // ORDERING: SeqCst, partner: `stir`, `rush`, `press`, `thread_left` and `wake`.
        self.waiting.store(kind, Ordering::SeqCst);
        let stirs = kind != PAUSE && self.stirred.load(Ordering::SeqCst);
        let rushed = self.rushed.load(Ordering::SeqCst) || self.pressed.load(Ordering::SeqCst);
        if !stirs && !rushed && !self.left.load(Ordering::SeqCst) {
            let time = millis.map(|millis| Timespec {
                tv_sec: (millis / 1000) as _,
                tv_nsec: (millis % 1000 * 1_000_000) as _,
            });
            let _ = futex::wait(&self.waiting, Flags::PRIVATE, kind, time.as_ref());
        }
        self.waiting.store(AWAKE, Ordering::SeqCst);
    }

    /// Memory came free.
    #[inline]
    pub(crate) fn stir(&self) {
        if !self.stirred.load(Ordering::Relaxed) {
            // ORDERING: SeqCst, partner: `wait`.
            self.stirred.store(true, Ordering::SeqCst);
            self.wake(&[REST, DOZE]);
        }
    }

    /// The heap grows fast: the learner is due sooner.
    fn rush(&self) {
        // ORDERING: SeqCst, partner: `wait`.
        self.rushed.store(true, Ordering::SeqCst);
        self.wake(ANY);
    }

    /// Too much came free to wait for a round.
    fn press(&self) {
        if !self.pressed.load(Ordering::Relaxed) {
            // ORDERING: SeqCst, partner: `wait`.
            self.pressed.store(true, Ordering::SeqCst);
            self.wake(ANY);
        }
    }

    /// This process has no such thread: at the start, and in the child of a fork. The heap holds so
    /// many bytes.
    pub(crate) fn reset(&self, mapped: usize) {
        self.pid.store(libc::getpid(), Ordering::Relaxed);
        self.inherited.store(mapped, Ordering::Relaxed);
        self.left.store(false, Ordering::Relaxed);
        self.rushed.store(false, Ordering::Relaxed);
        self.pressed.store(false, Ordering::Relaxed);
        self.waiting.store(AWAKE, Ordering::Relaxed);
        if self.state.load(Ordering::Relaxed) != NEVER {
            self.state.store(NONE, Ordering::Relaxed);
        }
    }

    /// Sets when it may start.
    pub(crate) fn set(&self, background: Background) {
        self.background.store(background as u8, Ordering::Relaxed);
    }

    fn background(&self) -> Background {
        match self.background.load(Ordering::Relaxed) {
            0 => Background::Auto,
            1 => Background::On,
            _ => Background::Off,
        }
    }

    fn turn(&self, from: u32, to: u32) -> bool {
        self.state.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    #[inline]
    fn is_due(&self) -> bool {
        self.state.load(Ordering::Relaxed) == DUE
    }

    /// Whether the thread is there, or about to be.
    #[inline]
    fn is_there(&self) -> bool {
        matches!(self.state.load(Ordering::Relaxed), STARTING | RUNNING)
    }
}

impl<A: Adapter> Linux<A> {
    /// Notes, inside the heap, that so many bytes were mapped: they may interest the learner, and it may
    /// be time for the thread.
    pub(crate) fn grew_by(&self, bytes: usize) {
        let rushes = self.learner.grew(bytes);
        if self.thread.is_there() {
            if rushes {
                self.thread.rush();
            }
            return;
        }
        self.learner.note(A::heap().mapped());
        self.grew();
    }

    /// Memory came free, inside the heap.
    #[inline]
    pub(crate) fn stir(&self) {
        self.thread.stir();
        if !self.thread.is_there() {
            self.learner.note(A::heap().mapped());
        }
    }

    /// Whether the thread's rounds of decay give back soon what comes free.
    pub(crate) fn decays_in_background(&self) -> bool {
        self.is_running() && A::heap().decay_millis() <= SOON
    }

    fn is_running(&self) -> bool {
        self.thread.state.load(Ordering::Relaxed) == RUNNING
    }

    /// Has the thread give back what is too much. `false`: there is none.
    pub(crate) fn presses(&self) -> bool {
        let is_there = self.is_running();
        if is_there {
            self.thread.press();
        }
        is_there
    }

    /// Notes, inside the heap, that it grew or that a thread came: it may be time for the thread.
    pub(crate) fn grew(&self) {
        let thread = &self.thread;
        let mapped = A::heap().mapped();
        if mapped < GROWTH || thread.state.load(Ordering::Relaxed) != NONE {
            return;
        }
        // What a child has from its parent is no growth of its own: other libraries' fork handlers,
        // which may allocate, must not start a thread.
        let own = mapped.saturating_sub(thread.inherited.load(Ordering::Relaxed));
        if own < GROWTH && A::heap().living_caches() < 2 {
            return;
        }
        if self.wants_thread() || !thread.looked.load(Ordering::Relaxed) {
            // Not over the state of one who has come further meanwhile: that would start a second.
            thread.turn(NONE, DUE);
        }
    }

    /// Does what is due, now that no call on the thread's cache is under way. For adapters, at the end
    /// of allocations that were no list's.
    #[inline(always)]
    pub fn attend(&self) {
        if self.thread.is_due() || self.learner.is_due() {
            self.do_what_is_due();
        }
    }

    #[cold]
    #[inline(never)]
    fn do_what_is_due(&self) {
        let thread = &self.thread;
        // In the child of a `vfork`, or of a bare `clone`, neither handlers ran nor may we.
        if libc::getpid() != thread.pid.load(Ordering::Relaxed) {
            return;
        }
        let errno = libc::errno();
        // Some of what is called are points at which the C library would end a thread that is cancelled.
        libc::uncancelled(|| {
            if self.learner.is_due() {
                self.learn_alone();
            }
            // Whatever is called now may allocate, and comes by here again.
            if thread.turn(DUE, STARTING) {
                self.start_thread();
            }
        });
        libc::set_errno(errno);
    }

    /// Makes the step that is due, unless the thread has come since.
    fn learn_alone(&self) {
        self.learner.done();
        if !self.thread.is_there() {
            self.learn(false);
        }
    }

    fn start_thread(&self) {
        let thread = &self.thread;
        if !thread.looked.swap(true, Ordering::Relaxed) {
            self.look_at_limits();
        }
        let is_wanted = self.wants_thread() || self.has_threads();
        let next = match is_wanted {
            false => NONE,
            true if start::<A>() => RUNNING,
            true => NEVER,
        };
        thread.turn(STARTING, next);
    }

    fn wants_thread(&self) -> bool {
        match self.thread.background() {
            Background::On => true,
            Background::Auto => A::heap().living_caches() > 1,
            Background::Off => false,
        }
    }

    /// Whether the process has threads beside this one, though none of them may have used the heap, in a
    /// setting where that counts.
    fn has_threads(&self) -> bool {
        let counts = self.thread.background() == Background::Auto;
        counts && process::state().is_some_and(|(_, threads)| threads > 1)
    }

    /// Reads what the container allows. Above seven eighths of that the heap is to keep nothing, unless
    /// the program has set a soft limit of its own.
    fn look_at_limits(&self) -> container::Limits {
        let limits = container::read(&self.root());
        let (heap, own) = (A::heap(), &self.thread.soft);
        let before = Some(own.load(Ordering::Relaxed) as usize).filter(|soft| *soft != 0);
        if heap.soft_limit() == before {
            let least = [limits.memory_max, limits.memory_high].into_iter().flatten().min();
            let soft = least.map(|least| (least / 8 * 7).max(1));
            if soft.map(|soft| soft as usize) != before {
                own.store(soft.unwrap_or(0), Ordering::Relaxed);
                heap.set_soft_limit(soft.map(|soft| soft as usize));
            }
        }
        limits
    }

    /// Whether the machine or the container is short of memory.
    fn is_short(&self) -> bool {
        let stalled = container::pressure(&self.root());
        let usage = container::usage(&self.root());
        stalled.is_some_and(|pressure| pressure.some_avg10 >= PRESSURE)
            || usage.is_some_and(|usage| usage.headroom() < usage.limit / 16)
    }

    /// A thread's cache was retired: was it the last, the process may be at its end.
    pub(crate) fn thread_left(&self) {
        if A::heap().living_caches() == 0 && self.thread.state.load(Ordering::Relaxed) == RUNNING {
            // ORDERING: SeqCst, partner: `wait`.
            self.thread.left.store(true, Ordering::SeqCst);
            self.thread.wake(ANY);
        }
    }

    /// Whether the program's threads are all gone: the first is a zombie, and beside it this one is
    /// left. A thread is still there for a moment after its cache went, and one that never used the
    /// heap goes untold; so this looks again until the first runs on, or a cache comes.
    fn outlives(&self) -> bool {
        let mut pause = 5;
        while A::heap().living_caches() == 0 {
            match process::state() {
                Some((b'Z', ..=2)) => return true,
                Some((b'Z', _)) => {}
                _ if pause >= LONGEST_LOOK => return false,
                _ => {}
            }
            self.thread.left.store(false, Ordering::Relaxed);
            self.thread.rushed.store(false, Ordering::Relaxed);
            self.thread.pressed.store(false, Ordering::Relaxed);
            self.thread.wait(PAUSE, Some(pause));
            pause = (pause * 2).min(LONGEST_LOOK);
        }
        false
    }

    /// The thread's life.
    fn tend(&self) {
        let heap = A::heap();
        let (mut quiet, mut looked, mut decayed_at, mut cpus) = (0_u32, 0, now(), 1000);
        // Whether memory came free since the last round.
        let mut stirred = false;
        loop {
            // A process with less than a CPU gives less of it to this.
            let round = u64::from(heap.pace()) * 1000 / cpus;
            let next = decayed_at + (round << quiet.min(DOUBLINGS));
            // ORDERING: SeqCst, partner: `rush`: its time is seen here, or `wait` sees the rush.
            self.thread.rushed.swap(false, Ordering::SeqCst);
            let step = self.learner.next();
            let kind = if self.learner.sleeps() { DOZE } else { PAUSE };
            self.thread.wait(kind, Some(next.min(step).saturating_sub(now()).max(1)));
            // ORDERING: SeqCst, partner: `thread_left`.
            if self.thread.left.swap(false, Ordering::SeqCst) && self.outlives() {
                return;
            }
            // ORDERING: SeqCst, partner: `stir`: what comes free from here on is seen.
            if self.thread.stirred.swap(false, Ordering::SeqCst) {
                stirred = true;
                self.learner.rouse();
            }
            // ORDERING: SeqCst, partner: `press`: what comes free from here on presses again.
            if self.thread.pressed.swap(false, Ordering::SeqCst) {
                heap.keep();
            }
            let time = now();
            if time >= self.learner.next() {
                self.learn(true);
            }
            if time + EARLY < next {
                continue;
            }
            if time.wrapping_sub(looked) >= LOOK {
                looked = time;
                let limits = self.look_at_limits();
                cpus = limits.cpus_milli.unwrap_or(1000).clamp(125, 1000).into();
                if self.is_short() {
                    heap.relieve();
                }
            }
            let rounds = (time.wrapping_sub(decayed_at) / round).clamp(1, 1 << 16);
            decayed_at = time;
            let decayed = heap.decay_by(rounds as u32);
            let rest = !core::mem::take(&mut stirred) && decayed.bytes == 0;
            quiet = if rest { quiet + 1 } else { 0 };
            if decayed.active != 0 {
                self.learner.rouse();
            }
            let is_over = quiet > DOUBLINGS + 1 && decayed.active == 0;
            if rest && is_over && self.learner.may_rest() {
                self.thread.wait(REST, None);
                (quiet, decayed_at) = (0, now());
                self.learner.doze();
                self.learner.rouse();
            }
        }
    }
}

fn now() -> u64 {
    libc::millis()
}

/// Starts the thread: with every signal blocked, and on its own.
fn start<A: Adapter>() -> bool {
    let mut attributes = libc::ThreadAttributes::new();
    let mut all: libc::SigSet = [u64::MAX; 16];
    // But for those by which the C library's own functions ask something of every thread: 32 and 33,
    // in musl 34 as well.
    all[0] = !(if cfg!(target_env = "musl") { 0b111 } else { 0b11 } << 31);
    let mut before: libc::SigSet = [0; 16];
    let mut thread = 0;
    // SAFETY: the attributes are initialised before they are used and destroyed after; the mask is put
    // back as it was; `tend` has the type of a thread's function.
    unsafe {
        if libc::pthread_attr_init(&mut attributes) != 0 {
            return false;
        }
        let started = libc::pthread_attr_setdetachstate(&mut attributes, libc::DETACHED) == 0
            && libc::pthread_attr_setstacksize(&mut attributes, STACK) == 0
            && libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before) == 0
            && {
                let made = libc::pthread_create(&mut thread, &attributes, tend::<A>, null_mut());
                libc::pthread_sigmask(libc::SIG_SETMASK, &before, null_mut());
                made == 0
            };
        libc::pthread_attr_destroy(&mut attributes);
        started
    }
}

unsafe extern "C" fn tend<A: Adapter>(_: *mut c_void) -> *mut c_void {
    let _ = rustix::thread::set_name(c"hakmem");
    A::heap().host().tend();
    A::heap().host().thread.state.store(NEVER, Ordering::Relaxed);
    // The C library now runs the program's exit handlers, here: let signals end them.
    let none: libc::SigSet = [0; 16];
    // SAFETY: a set of signals.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &none, null_mut()) };
    null_mut()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    /// Whether a wait without end, of each of these kinds, comes to one.
    fn ends(thread: &'static Thread, kinds: &'static [u32]) {
        let (done, all) = mpsc::channel();
        std::thread::spawn(move || {
            for &kind in kinds {
                thread.wait(kind, None);
            }
            let _ = done.send(());
        });
        all.recv_timeout(Duration::from_secs(100)).expect("it waits on");
    }

    #[test]
    fn a_rush_before_the_wait_is_not_slept_over() {
        static THREAD: Thread = Thread::new();
        THREAD.rush();
        ends(&THREAD, ANY);
        // What stirs ends the other waits alone: a pause has its time.
        static STIRRED: Thread = Thread::new();
        STIRRED.stir();
        ends(&STIRRED, &[REST, DOZE]);
        STIRRED.wait(PAUSE, Some(1));
        assert_eq!(STIRRED.waiting.load(Ordering::Relaxed), AWAKE);
    }

    #[test]
    fn a_rush_ends_each_wait() {
        static THREAD: Thread = Thread::new();
        for kind in [&[PAUSE][..], &[REST], &[DOZE]] {
            let waiter = std::thread::spawn(|| ends(&THREAD, kind));
            while THREAD.waiting.load(Ordering::SeqCst) != kind[0] {
                std::thread::yield_now();
            }
            THREAD.rush();
            waiter.join().expect("it ends");
            THREAD.reset(0);
            assert!(!THREAD.rushed.load(Ordering::Relaxed), "a child's is its own");
        }
    }
}
