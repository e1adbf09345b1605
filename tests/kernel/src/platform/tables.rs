//! The CPU's own tables: segments, the stacks of interrupts, and where interrupts lead.

use super::MOST_CPUS;
use core::arch::asm;
use core::cell::UnsafeCell;
use core::mem::size_of;

const CODE: u64 = 0x00af_9b00_0000_ffff;
const DATA: u64 = 0x00cf_9300_0000_ffff;
const TASK_SELECTOR: u16 = 0x18;

/// The stack of an exception, and that of an interrupt. Interrupts get a stack of their own because
/// compiled code uses 128 bytes below its stack pointer.
const EXCEPTION_STACK: u8 = 1;
const INTERRUPT_STACK: u8 = 2;
const INTERRUPT_STACK_SIZE: usize = 64 << 10;

#[repr(C, align(16))]
struct Stack([u8; INTERRUPT_STACK_SIZE]);

/// The task state, of which only the stacks of interrupts are used.
#[repr(C, packed(4))]
struct TaskState {
    reserved: u32,
    privilege_stacks: [u64; 3],
    reserved_too: u64,
    interrupt_stacks: [u64; 7],
    reserved_as_well: u64,
    reserved_again: u16,
    io_map: u16,
}

#[repr(C, align(16))]
struct OfOneCpu {
    /// Nothing, code, data, and the two words of the task state's entry.
    segments: [u64; 5],
    task_state: TaskState,
    exception_stack: Stack,
    interrupt_stack: Stack,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Gate {
    low: u16,
    selector: u16,
    stack: u8,
    kind: u8,
    middle: u16,
    high: u32,
    reserved: u32,
}

#[repr(C, align(16))]
struct Gates([Gate; 256]);

/// Memory that one CPU writes, before another reads it.
struct Table<T>(UnsafeCell<T>);

// SAFETY: `load` has each CPU write what is its own, and `fill_gates` runs before there are others.
unsafe impl<T> Sync for Table<T> {}

const EMPTY: OfOneCpu = OfOneCpu {
    segments: [0; 5],
    task_state: TaskState {
        reserved: 0,
        privilege_stacks: [0; 3],
        reserved_too: 0,
        interrupt_stacks: [0; 7],
        reserved_as_well: 0,
        reserved_again: 0,
        io_map: 0,
    },
    exception_stack: Stack([0; INTERRUPT_STACK_SIZE]),
    interrupt_stack: Stack([0; INTERRUPT_STACK_SIZE]),
};

static OF_EACH_CPU: Table<[OfOneCpu; MOST_CPUS]> =
    Table(UnsafeCell::new([const { EMPTY }; MOST_CPUS]));

static GATES: Table<Gates> = Table(UnsafeCell::new(Gates(
    [Gate { low: 0, selector: 0, stack: 0, kind: 0, middle: 0, high: 0, reserved: 0 }; 256],
)));

/// What the CPU reads a table's place from.
#[repr(C, packed)]
struct Pointer {
    limit: u16,
    base: u64,
}

impl Pointer {
    fn to<T>(table: *const T, size: usize) -> Self {
        Self { limit: (size - 1) as u16, base: table.addr() as u64 }
    }
}

unsafe extern "C" {
    /// 256 entries of 16 bytes each.
    static interrupt_entries: [[u8; 16]; 256];
}

/// Leads every vector to `interrupt`.
///
/// # Safety
/// No other CPU runs yet.
pub(super) unsafe fn fill_gates() {
    // SAFETY: by the caller's word nobody else looks; the entries are only pointed to.
    let (gates, entries) = unsafe { (&mut (*GATES.0.get()).0, &interrupt_entries) };
    for (vector, (gate, entry)) in gates.iter_mut().zip(entries).enumerate() {
        let address = entry.as_ptr().addr();
        *gate = Gate {
            low: address as u16,
            selector: 8,
            stack: if vector < 32 { EXCEPTION_STACK } else { INTERRUPT_STACK },
            // An interrupt gate: no further interrupt until the handler returns.
            kind: 0x8e,
            middle: (address >> 16) as u16,
            high: (address >> 32) as u32,
            reserved: 0,
        };
    }
}

/// Makes the running CPU use its tables.
///
/// # Safety
/// It is CPU `id`, with interrupts disabled, and calls this once.
pub(super) unsafe fn load(id: usize) {
    // SAFETY: by the caller's word no other CPU touches this one.
    let own = unsafe { &mut (*OF_EACH_CPU.0.get())[id] };
    let top = |stack: &Stack| (stack.0.as_ptr().addr() + INTERRUPT_STACK_SIZE) as u64;
    let stacks = [top(&own.exception_stack), top(&own.interrupt_stack), 0, 0, 0, 0, 0];
    own.task_state.interrupt_stacks = stacks;
    // There is none: it would begin past the end.
    own.task_state.io_map = size_of::<TaskState>() as u16;
    let task = (&raw const own.task_state).addr() as u64;
    let limit = (size_of::<TaskState>() - 1) as u64;
    let low = limit | (task & 0xff_ffff) << 16 | 0x89 << 40 | (task >> 24 & 0xff) << 56;
    own.segments = [0, CODE, DATA, low, task >> 32];
    let segments = Pointer::to(&own.segments, size_of::<[u64; 5]>());
    let gates = Pointer::to(GATES.0.get(), size_of::<Gates>());
    // SAFETY: tables that stay for good, with the segments in use at their old places.
    unsafe {
        asm!(
            "lgdt [{segments}]",
            "lidt [{gates}]",
            "ltr {task:x}",
            segments = in(reg) &segments,
            gates = in(reg) &gates,
            task = in(reg) TASK_SELECTOR,
            options(readonly, nostack, preserves_flags),
        );
    }
}
