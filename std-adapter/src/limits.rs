//! Limits of the process's heap, and the program's word before an allocation is refused.

use crate::HEAP;
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;

/// Sets the most bytes that the heap may hold from the system, its tables included; `None`: any
/// number. What would pass it is null to the caller, after the heap gave back what is free and tried
/// once more. A limit below what is held already lets nothing more be mapped until enough was freed.
///
/// The environment's `HAKMEM_LIMIT` sets it at the first allocation.
pub fn set_limit(bytes: Option<usize>) {
    HEAP.set_limit(bytes);
}

/// Sets the bytes above which the heap gives back what is free before it takes more; `None`: it goes
/// by its own measure. Nothing is refused.
///
/// The environment's `HAKMEM_SOFT_LIMIT` sets it at the first allocation.
pub fn set_soft_limit(bytes: Option<usize>) {
    HEAP.set_soft_limit(bytes);
}

/// An allocation that is about to be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Bytes asked for.
    pub size: usize,
    /// Bytes that the heap holds from the system.
    pub mapped: usize,
    /// The most that it may hold; `None`: there is no limit, and the system refused.
    pub limit: Option<usize>,
}

/// What to do about a [`Refusal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Try again: there is room now, or may be.
    Again,
    /// Refuse.
    Refuse,
}

/// Sets a function that is asked before an allocation is refused, in place of the one before; `None`:
/// none is. It runs on the thread that allocates, on several at once if need be. It may free memory,
/// and allocate: what is refused to the function itself is refused without asking. One allocation
/// asks 16 times at most. More than `isize::MAX` bytes are refused at once.
///
/// It must not panic: that ends the process, where there is no memory left to say so.
///
/// ```
/// # #[global_allocator]
/// # static GLOBAL: hakmem::Hakmem = hakmem::Hakmem;
/// use std::sync::Mutex;
/// static RESERVE: Mutex<Vec<u8>> = Mutex::new(Vec::new());
///
/// fn give_up_the_reserve(_: hakmem::Refusal) -> hakmem::Retry {
///     match RESERVE.try_lock().map(|mut reserve| std::mem::take(&mut *reserve)) {
///         Ok(reserve) if reserve.capacity() != 0 => hakmem::Retry::Again,
///         _ => hakmem::Retry::Refuse,
///     }
/// }
///
/// *RESERVE.lock().unwrap() = Vec::with_capacity(16 << 20);
/// hakmem::on_refusal(Some(give_up_the_reserve));
/// hakmem::set_limit(Some(hakmem::stats().mapped + (4 << 20)));
/// assert_eq!(vec![1_u8; 12 << 20].len(), 12 << 20);
/// assert_eq!(RESERVE.lock().unwrap().capacity(), 0);
/// ```
pub fn on_refusal(function: Option<fn(Refusal) -> Retry>) {
    match function {
        Some(function) => HEAP.host().set_on_refusal(Some(ask), function as *mut c_void),
        None => HEAP.host().set_on_refusal(None, null_mut()),
    }
}

/// Passes the question on to a Rust function, which is the argument. No unwinding leaves it.
unsafe extern "C" fn ask(refusal: &hakmem_host::Refusal, function: *mut c_void) -> c_int {
    // SAFETY: `on_refusal` set a function of this type as the argument.
    let function: fn(Refusal) -> Retry = unsafe { core::mem::transmute(function) };
    let hakmem_host::Refusal { size, mapped, limit } = *refusal;
    let limit = Some(limit).filter(|limit| *limit != usize::MAX);
    c_int::from(function(Refusal { size, mapped, limit }) == Retry::Again)
}
