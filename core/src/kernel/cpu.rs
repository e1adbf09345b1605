//! What a kernel says of its CPUs.

/// How the kernel keeps the caller on its CPU, and which CPU that is.
///
/// Where interrupt handlers allocate or free, `pin` disables interrupts; where threads alone do,
/// preemption is enough. What holds for all: handlers that `pin` does not hold off (an NMI, a
/// machine check) must not touch the heap.
///
/// ```
/// use hakmem_core::Cpu;
///
/// /// The flags as they were; restores them when it is dropped.
/// struct Pinned(usize);
///
/// # fn save_flags_and_disable_interrupts() -> usize { 0 }
/// # fn restore_flags(_: usize) {}
/// # fn number_of_this_cpu() -> usize { 0 }
/// impl Drop for Pinned {
///     fn drop(&mut self) {
///         restore_flags(self.0);
///     }
/// }
///
/// struct Machine;
///
/// // SAFETY: with interrupts off nothing else runs here; each CPU has its own number; flags nest.
/// unsafe impl Cpu for Machine {
///     type Pinned = Pinned;
///
///     fn pin() -> Pinned {
///         Pinned(save_flags_and_disable_interrupts())
///     }
///
///     fn id(_: &Pinned) -> usize {
///         number_of_this_cpu()
///     }
/// }
/// ```
///
/// # Safety
/// While a `Pinned` lives, its holder stays on one CPU, [`id`](Self::id) answers the same number, and
/// nothing but its holder runs that has a `Pinned` of that number, unless [`EXCLUDES`](Self::EXCLUDES)
/// is `false`. Pins nest: the holder may pin again, and stays pinned until the last is dropped.
pub unsafe trait Cpu: 'static {
    /// Keeps the caller pinned until it is dropped.
    type Pinned;

    /// Whether who is pinned is alone on its number. Only then may a number have a cache of its own.
    const EXCLUDES: bool = true;

    /// Pins the caller to the CPU that it runs on.
    fn pin() -> Self::Pinned;

    /// The number of that CPU, from 0 up.
    fn id(pinned: &Self::Pinned) -> usize;
}

/// Nothing to pin: for a heap behind a lock that no interrupt handler and no preempting thread of the
/// same CPU uses. All callers are number 0, together: it is no `Cpu` for a
/// [`PerCpuHeap`](crate::PerCpuHeap), which does not compile with it.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCpu;

// SAFETY: it promises nothing: `EXCLUDES` is false.
unsafe impl Cpu for NoCpu {
    type Pinned = ();

    const EXCLUDES: bool = false;

    fn pin() {}

    fn id((): &()) -> usize {
        0
    }
}
