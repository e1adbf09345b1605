//! `HAKMEM_CRASH=1`: one line about a fatal signal before whoever would have handled it does.
//!
//! The handlers are in place before the program runs. One that installs its own afterwards
//! (language runtimes do) has the signal to itself.

use crate::HEAP;
use crate::libc::{self, SIG_DFL, SIG_IGN, SigAction, SigInfo, SigSet};
use crate::thread::cache;
use core::ffi::{c_int, c_void};
use core::fmt::Write;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicI32, AtomicPtr, AtomicUsize, Ordering::Relaxed};
use hakmem_core::Place;
use hakmem_host::Line;

/// A signal that is watched, and the action that was there before.
struct Watched {
    signal: c_int,
    name: &'static str,
    handler: AtomicUsize,
    flags: AtomicI32,
}

impl Watched {
    const fn new(signal: c_int, name: &'static str) -> Self {
        Self { signal, name, handler: AtomicUsize::new(SIG_DFL), flags: AtomicI32::new(0) }
    }
}

static WATCHED: [Watched; 3] = [
    Watched::new(libc::SIGSEGV, "SIGSEGV"),
    Watched::new(libc::SIGBUS, "SIGBUS"),
    Watched::new(libc::SIGABRT, "SIGABRT"),
];

/// Puts the handlers in place.
pub(crate) fn install() {
    let ours = SigAction::new(on_signal as *const () as usize, libc::SA_SIGINFO | libc::SA_ONSTACK);
    for watched in &WATCHED {
        let mut before = SigAction::new(SIG_DFL, 0);
        // SAFETY: both actions are valid, the handler is as its flags say.
        if unsafe { libc::sigaction(watched.signal, &ours, &mut before) } == 0 {
            watched.handler.store(before.handler, Relaxed);
            watched.flags.store(before.flags, Relaxed);
        }
    }
}

/// The fatal signal that is being looked into, as its handler got it.
struct Lookup {
    /// The thread, by its cache's address; 0: nobody looks.
    thread: AtomicUsize,
    signal: AtomicI32,
    info: AtomicPtr<SigInfo>,
    context: AtomicPtr<c_void>,
}

static LOOKUP: Lookup = Lookup {
    thread: AtomicUsize::new(0),
    signal: AtomicI32::new(0),
    info: AtomicPtr::new(null_mut()),
    context: AtomicPtr::new(null_mut()),
};

extern "C" fn on_signal(signal: c_int, info: *mut SigInfo, context: *mut c_void) {
    let this = cache().addr();
    if LOOKUP.thread.load(Relaxed) == this {
        // The lookup itself has come upon memory that cannot be read.
        LOOKUP.thread.store(0, Relaxed);
        let (signal, info) = (LOOKUP.signal.load(Relaxed), LOOKUP.info.load(Relaxed));
        say(signal, info, |_| Finding::Unreadable);
        return hand_on(signal, info, LOOKUP.context.load(Relaxed));
    }
    LOOKUP.signal.store(signal, Relaxed);
    LOOKUP.info.store(info, Relaxed);
    LOOKUP.context.store(context, Relaxed);
    LOOKUP.thread.store(this, Relaxed);
    say(signal, info, look);
    LOOKUP.thread.store(0, Relaxed);
    hand_on(signal, info, context);
}

/// What is known of an address.
enum Finding {
    Foreign,
    Ours(Place),
    Unreadable,
}

/// Looks an address up, with the signals that this may raise let through.
fn look(address: usize) -> Finding {
    let mut faults: SigSet = [0; 16];
    faults[0] = 1 << (libc::SIGSEGV - 1) | 1 << (libc::SIGBUS - 1);
    let mut before: SigSet = [0; 16];
    // SAFETY: two signal sets.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &faults, &mut before) };
    let found = HEAP.describe(address).map(|mut place| {
        // SAFETY: this thread's cache; whatever call was under way will not go on.
        if place.free.is_none() && HEAP.caches(unsafe { &*cache() }, place.base) {
            place.free = Some(true);
        }
        place
    });
    // SAFETY: a signal set.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &before, null_mut()) };
    found.map_or(Finding::Foreign, Finding::Ours)
}

/// Prints the line.
fn say(signal: c_int, info: *const SigInfo, look: impl Fn(usize) -> Finding) {
    // SAFETY: the kernel's, until the handler returns.
    let SigInfo { code, address, .. } = unsafe { &*info };
    // The processor does not tell of an address of more than 48 bits.
    const SI_KERNEL: c_int = 128;
    let name = WATCHED.iter().find(|watched| watched.signal == signal).map_or("", |w| w.name);
    let mut line = Line::<256>::new();
    // Writing to a line cannot fail.
    let _ = if *code <= 0 || *code == SI_KERNEL {
        writeln!(line, "hakmem: {name}, with no address")
    } else {
        match look(*address) {
            Finding::Foreign => {
                writeln!(line, "hakmem: {name} at {address:#x}: not in this heap")
            }
            Finding::Ours(place) => writeln!(line, "hakmem: {name} at {address:#x}: in {place}"),
            Finding::Unreadable => writeln!(
                line,
                "hakmem: {name} at {address:#x}: in this heap, among blocks that cannot be read"
            ),
        }
    };
    line.send(2);
}

/// Restores the action that was there before, and runs it.
fn hand_on(signal: c_int, info: *mut SigInfo, context: *mut c_void) {
    let Some(watched) = WATCHED.iter().find(|watched| watched.signal == signal) else {
        return;
    };
    let (handler, flags) = (watched.handler.load(Relaxed), watched.flags.load(Relaxed));
    let before = SigAction::new(handler, flags);
    // SAFETY: the action that was there.
    unsafe { libc::sigaction(signal, &before, null_mut()) };
    match handler {
        SIG_DFL | SIG_IGN => {
            // A faulting instruction runs again on return and meets the restored action; a signal
            // that was sent has to be sent again.
            // SAFETY: the kernel's, until the handler returns.
            if unsafe { &*info }.code <= 0 {
                libc::raise(signal);
            }
        }
        function if flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: the flags say that the function takes three arguments.
            let function: extern "C" fn(c_int, *mut SigInfo, *mut c_void) =
                unsafe { core::mem::transmute(function) };
            function(signal, info, context);
        }
        function => {
            // SAFETY: the flags say that the function takes the signal alone.
            let function: extern "C" fn(c_int) = unsafe { core::mem::transmute(function) };
            function(signal);
        }
    }
}
