//! The ends of threads.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

#[global_allocator]
static GLOBAL: hakmem::Hakmem = hakmem::Hakmem;

/// Allocates, keeps some and frees the rest when it is dropped.
struct Late(BTreeMap<usize, String>);

static LATE: AtomicUsize = AtomicUsize::new(0);

impl Drop for Late {
    fn drop(&mut self) {
        for number in 0..200 {
            self.0.insert(number, format!("late {number}"));
            self.0.remove(&(number / 2));
        }
        LATE.fetch_add(self.0.len(), Ordering::Relaxed);
    }
}

thread_local! {
    static THING: RefCell<Option<Late>> = const { RefCell::new(None) };
}

unsafe extern "C" {
    fn pthread_key_create(
        key: *mut u32,
        destructor: Option<unsafe extern "C" fn(*mut c_void)>,
    ) -> i32;
    fn pthread_setspecific(key: u32, value: *const c_void) -> i32;
}

static KEY: AtomicUsize = AtomicUsize::new(0);
static ROUNDS: AtomicUsize = AtomicUsize::new(0);

/// Sets its key again and again, as long as the C library goes along, and allocates each time: in
/// the last rounds after the thread's cache went home.
unsafe extern "C" fn again(value: *mut c_void) {
    ROUNDS.fetch_add(1, Ordering::Relaxed);
    // SAFETY: a `Box<Late>` that the round before, or the thread, left there.
    let mut thing = unsafe { Box::from_raw(value.cast::<Late>()) };
    thing.0.insert(thing.0.len(), "x".repeat(3_000));
    let next = Box::new(Late(std::mem::take(&mut thing.0)));
    drop(thing);
    // SAFETY: a key that was made; the pointer is a `Box<Late>`.
    unsafe {
        pthread_setspecific(KEY.load(Ordering::Relaxed) as u32, Box::into_raw(next).cast());
    }
}

#[test]
fn destructors_may_allocate_after_the_cache_went_home() {
    let mut key = 0;
    // SAFETY: a place for the key, and a function of the right kind.
    assert_eq!(unsafe { pthread_key_create(&mut key, Some(again)) }, 0);
    KEY.store(key as usize, Ordering::Relaxed);
    for _ in 0..20 {
        thread::spawn(move || {
            THING.with(|thing| *thing.borrow_mut() = Some(Late(BTreeMap::new())));
            let thing = Box::new(Late(BTreeMap::new()));
            // SAFETY: a key that was made; the pointer is a `Box<Late>`.
            unsafe { pthread_setspecific(key, Box::into_raw(thing).cast()) };
        })
        .join()
        .expect("no panic");
    }
    // Rust's destructor ran once a thread; the key's as often as the C library allows, which is
    // more than the two rounds that the cache's own takes.
    assert!(LATE.load(Ordering::Relaxed) >= 20 * 100);
    assert!(ROUNDS.load(Ordering::Relaxed) >= 20 * 3);
}

#[test]
fn threads_that_come_and_go_leave_nothing_behind() {
    let churn = || {
        for _ in 0..50 {
            let threads: Vec<_> = (0..8)
                .map(|index| {
                    thread::spawn(move || {
                        let all: Vec<_> = (0..400).map(|size| vec![index; size]).collect();
                        all.iter().map(Vec::len).sum::<usize>()
                    })
                })
                .collect();
            for thread in threads {
                assert_eq!(thread.join().expect("no panic"), 400 * 399 / 2);
            }
        }
    };
    churn();
    let before = hakmem::stats();
    for _ in 0..10 {
        churn();
    }
    let after = hakmem::stats();
    let growth = after.mapped.saturating_sub(before.mapped);
    assert!(growth <= 8 << 20, "{growth} bytes more after 4,000 threads");
}
