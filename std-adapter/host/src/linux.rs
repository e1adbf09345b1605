//! Linux as a heap's host.

use crate::background::{Background, Thread};
use crate::container::{self, Root};
use crate::learn::Learner;
use crate::line::Line;
use crate::options::{self, Decay, Foreign, Options, Settings, Shared, Trouble};
use crate::refusal::Callback;
use crate::threads::ExitKey;
use crate::{fork, huge, libc, pages};
use core::cell::Cell;
use core::ffi::{c_char, c_void};
use core::fmt::Write;
use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use hakmem_core::{
    Cache, Call, Heap, Host, HugeAdvice, HugePages, Misuse, MisuseKind, PageSource, Verdict,
};
use rustix::thread::{MembarrierCommand, membarrier};

/// What stands between a program and the heap: it owns the heap's static and the caches.
pub trait Adapter: Sized + 'static {
    /// The heap of the process.
    fn heap() -> &'static Heap<Linux<Self>>;

    /// The environment, for an adapter that has no constructor which would call
    /// [`Linux::start`]: the first thread's first allocation does it then. `None`: the adapter
    /// calls it.
    fn environment() -> Option<*const *const c_char> {
        None
    }

    /// Lends a flag of the calling thread's own, unset at first: whether it is being asked what to
    /// do about a refusal.
    fn with_asking<T>(act: impl FnOnce(&Cell<bool>) -> T) -> T;

    /// The calling thread's cache.
    fn cache() -> *mut Cache;

    /// Hands a block to the C library's own `free`.
    ///
    /// # Safety
    /// `block` came from the C library's heap.
    unsafe fn free_foreign(block: *mut c_void);
}

/// Linux, and the little that a process keeps of it for its heap.
pub struct Linux<A> {
    page: AtomicUsize,
    huge: huge::System,
    exit: ExitKey,
    options: Shared,
    root: container::Shared,
    pub(crate) thread: Thread,
    pub(crate) learner: Learner,
    pub(crate) on_refusal: Callback,
    started: AtomicBool,
    adapter: PhantomData<fn() -> A>,
}

impl<A: Adapter> Linux<A> {
    /// A host that has not been started: default options, and `fork` unguarded.
    pub const fn new() -> Self {
        Self {
            page: AtomicUsize::new(0),
            huge: huge::System::new(),
            exit: ExitKey::new(),
            options: Shared::new(),
            root: container::Shared::new(),
            thread: Thread::new(),
            learner: Learner::new(),
            on_refusal: Callback::new(),
            started: AtomicBool::new(false),
            adapter: PhantomData,
        }
    }

    /// Reads the options and tells the heap its limits, with one line on standard error for each
    /// variable that is passed over, and registers the fork handlers. Calls after the first do nothing.
    ///
    /// # Safety
    /// `envp` is null, or a C environment that nobody changes meanwhile.
    pub unsafe fn start(&self, envp: *const *const c_char) {
        if self.started.swap(true, Ordering::Relaxed) {
            return;
        }
        // SAFETY: by the caller's word.
        let environment = unsafe { options::variables(envp) };
        let Settings { options, limits, release, huge, learning } =
            options::parse(environment, warn);
        self.options.store(options);
        self.thread.reset(A::heap().mapped());
        if release.decay == Decay::Off {
            self.thread.set(Background::Off);
            A::heap().set_release(false);
        } else {
            self.thread.set(release.background);
        }
        // A program with more rights than its caller opens no files of the caller's choice.
        let mut files = [None; 2];
        if libc::getauxval(libc::AT_SECURE) == 0 {
            // SAFETY: by the caller's word.
            let environment = || unsafe { options::variables(envp) };
            self.root.store(options::root(environment()));
            files = [options::policy(environment()), options::learn_log(environment())];
        }
        if limits.hard.is_some() {
            A::heap().set_limit(limits.hard);
        }
        if limits.soft.is_some() {
            A::heap().set_soft_limit(limits.soft);
        }
        A::heap().set_huge(huge);
        // Without memory for it at the start, the program is out of luck anyway.
        let _ = fork::register::<A>();
        self.start_learning(learning, release.decay, files);
    }

    /// The options; before [`start`](Self::start), the default ones.
    #[inline]
    pub fn options(&self) -> Options {
        self.options.load()
    }

    /// Where the readers in [`container`] look for `proc` and `sys`; before
    /// [`start`](Self::start), `/`.
    pub fn root(&self) -> Root {
        self.root.load()
    }

    /// Bytes of a page.
    #[inline]
    pub fn page_size(&self) -> usize {
        match self.page.load(Ordering::Relaxed) {
            0 => self.ask_page_size(),
            page => page,
        }
    }

    #[cold]
    fn ask_page_size(&self) -> usize {
        // The C library has read it before any constructor runs, unlike files in /proc it is
        // always there, and asking makes no system call.
        let page = libc::getauxval(libc::AT_PAGESZ) as usize;
        let page = if page.is_power_of_two() { page } else { 4096 };
        self.page.store(page, Ordering::Relaxed);
        page
    }
}

impl<A: Adapter> Default for Linux<A> {
    fn default() -> Self {
        Self::new()
    }
}

/// Runs at a thread's end, once or twice.
unsafe extern "C" fn thread_ended<A: Adapter>(value: *mut c_void) {
    let heap = A::heap();
    if let Some(cache) = heap.host().exit.due(value) {
        // SAFETY: the key's value was this thread's cache; no other call on it is under way, for
        // the thread is in its destructors.
        heap.retire_cache(unsafe { &mut *cache });
        heap.host().thread_left();
    }
}

extern "C" fn ended<A: Adapter>() {
    A::heap().host().end();
}

// SAFETY: `map` returns fresh private anonymous memory, which is zeroed and nobody else's.
unsafe impl<A: Adapter> PageSource for Linux<A> {
    fn page_size(&self) -> usize {
        self.page_size()
    }

    fn map(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        let base = pages::map(size, align, self.page_size());
        self.grew_by(size);
        base
    }

    unsafe fn unmap(&self, base: NonNull<u8>, size: usize) -> bool {
        // SAFETY: the same contract.
        unsafe { pages::unmap(base, size) }
    }

    unsafe fn purge(&self, base: NonNull<u8>, size: usize) -> bool {
        // SAFETY: the same contract.
        unsafe { pages::purge(base, size) }
    }

    unsafe fn purge_all(&self, ranges: &[(NonNull<u8>, usize)]) -> bool {
        // SAFETY: the same contract.
        unsafe { pages::purge_all(ranges) }
    }

    unsafe fn populate(&self, base: NonNull<u8>, size: usize) -> bool {
        // SAFETY: the same contract.
        unsafe { pages::populate(base, size) }
    }

    fn huge_pages(&self) -> HugePages {
        self.huge.get(|| self.root())
    }

    unsafe fn advise_huge(&self, base: NonNull<u8>, size: usize, advice: HugeAdvice) -> bool {
        // SAFETY: the same contract.
        unsafe { huge::advise(base, size, advice) }
    }

    unsafe fn remap(
        &self,
        base: NonNull<u8>,
        old: usize,
        new: usize,
        align: usize,
    ) -> Option<NonNull<u8>> {
        // SAFETY: the same contract.
        let moved = unsafe { pages::remap(base, old, new, align, self.page_size()) };
        self.grew_by(new.saturating_sub(old));
        moved
    }
}

impl<A: Adapter> Host for Linux<A> {
    fn relax() {
        rustix::thread::sched_yield();
    }

    fn millis(&self) -> u64 {
        libc::millis()
    }

    fn stirred(&self) {
        self.stir();
    }

    fn decays(&self) -> bool {
        self.decays_in_background()
    }

    fn press(&self) -> bool {
        self.presses()
    }

    const REACHES: bool = true;

    fn barrier(&self) -> bool {
        let fence = || membarrier(MembarrierCommand::PrivateExpedited).is_ok();
        // Registered at the first use: a process pays for it at each switch of threads.
        fence() || membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok() && fence()
    }

    fn cache_started(&self, cache: *mut Cache) {
        if !self.exit.arm(cache, thread_ended::<A>) {
            // Its memory will go away untold. It is this thread's own.
            // SAFETY: the cache that just started, with no other reference in use.
            A::heap().hide_cache(unsafe { &mut *A::cache() });
        }
        self.grew();
        if !self.started.load(Ordering::Relaxed) {
            if let Some(envp) = A::environment() {
                // SAFETY: the adapter's word.
                unsafe { self.start(envp) };
                if self.learner.saves() {
                    // An adapter without a beginning of its own has no end of its own either. Without
                    // memory for it, what is learned is not written then.
                    // SAFETY: the function is there as long as the heap, which is a static.
                    let _ = unsafe { libc::atexit(ended::<A>) };
                }
            }
        }
    }

    #[cold]
    fn misuse(&self, misuse: Misuse) -> Verdict {
        if misuse.kind == MisuseKind::NotOurs {
            match self.options().foreign {
                Foreign::Abort => {}
                Foreign::Ignore => return Verdict::Ignore,
                // The caller of a reallocation still has the pointer; it gets null.
                Foreign::Libc if misuse.call == Call::Reallocate => return Verdict::Ignore,
                Foreign::Libc => {
                    // SAFETY: not ours, and the user says that the rest is the C library's.
                    unsafe { A::free_foreign(misuse.address as *mut c_void) };
                    return Verdict::Ignore;
                }
            }
        }
        report(misuse);
        libc::abort()
    }
}

fn report(misuse: Misuse) {
    let Misuse { kind, call, address, size, block } = misuse;
    let call = match call {
        Call::Free => "free",
        Call::Reallocate => "realloc",
    };
    let mut line = Line::<160>::new();
    // Writing to a line cannot fail.
    let _ = write!(line, "hakmem: {call}({address:#x}): ");
    let _ = match kind {
        MisuseKind::NotOurs => writeln!(line, "not from this heap"),
        MisuseKind::DoubleFree => writeln!(line, "double free"),
        MisuseKind::Interior => writeln!(line, "not the start of a block"),
        MisuseKind::WrongSize => {
            writeln!(line, "wrong size: {size} given, block of {block}")
        }
    };
    line.send(2);
}

fn warn(trouble: Trouble<'_>) {
    let name = trouble.name.escape_ascii();
    match trouble.expected {
        None => Line::<256>::say(format_args!("hakmem: {name}: unknown variable, passed over\n")),
        Some(expected) => {
            let value = &trouble.value[..trouble.value.len().min(40)];
            Line::<256>::say(format_args!(
                "hakmem: {name}={}: expected {expected}; the default holds\n",
                value.escape_ascii()
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::ffi::CStr;
    use core::sync::atomic::AtomicPtr;

    static HEAP: Heap<Linux<Tested>> = Heap::new(Linux::new());

    struct Tested;

    impl Adapter for Tested {
        fn heap() -> &'static Heap<Linux<Self>> {
            &HEAP
        }

        fn with_asking<T>(act: impl FnOnce(&Cell<bool>) -> T) -> T {
            act(&Cell::new(false))
        }

        fn cache() -> *mut Cache {
            static NONE: AtomicPtr<Cache> = AtomicPtr::new(core::ptr::null_mut());
            NONE.load(Ordering::Relaxed)
        }

        unsafe fn free_foreign(_: *mut c_void) {}
    }

    /// Else the static heap would lie in the program's file.
    #[test]
    fn a_new_host_is_all_zero() {
        static NEW: Linux<Tested> = Linux::new();
        // SAFETY: a static that nobody uses; its padding is zero as well.
        let bytes = unsafe {
            core::slice::from_raw_parts((&raw const NEW).cast::<u8>(), size_of_val(&NEW))
        };
        assert!(bytes.iter().all(|&byte| byte == 0));
    }

    #[test]
    fn the_first_start_stores_what_the_environment_says() {
        let host = HEAP.host();
        assert_eq!((host.options(), host.root()), (Options::default(), Root::new()));
        for environment in [[c"HAKMEM_ROOT=/made", c"HAKMEM_STATS=1"], [c"A=b", c"C=d"]] {
            let [one, other] = environment.map(CStr::as_ptr);
            // SAFETY: static strings, and a null pointer at the end.
            unsafe { host.start([one, other, core::ptr::null()].as_ptr()) };
            assert_eq!(Some(host.root()), Root::at(b"/made"));
            assert_eq!(host.options(), Options { stats: true, ..Options::default() });
        }
    }
}
