//! The kernel's way from its first function to its end.

use crate::platform::serial::{self, say};
use crate::platform::start_info::{self, StartInfo};
use crate::platform::{End, cpus, exit};
use crate::{checks, heaps, modes};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Where `boot.s` leads.
#[unsafe(no_mangle)]
extern "C" fn first_cpu(start_info: usize) -> ! {
    // SAFETY: the first instructions in Rust, once, with what the boot loader passed.
    let info = unsafe {
        cpus::set_up_first();
        StartInfo::at(start_info)
    };
    let command_line = info.command_line();
    modes::before_memory(command_line);

    let memory = info.memory();
    let kernel = start_info::kernel();
    say!("kernel: {} KiB at {:#x}", kernel.len() >> 10, kernel.start);
    say!("memory: {} KiB at {:#x}", memory.len() >> 10, memory.start);
    // SAFETY: memory that the boot loader says is free, and the kernel does not lie in it.
    unsafe { heaps::give_memory(memory) };
    // SAFETY: once, and nothing lies in the first MiB but what the boot loader left.
    unsafe { cpus::start_others() };
    say!("CPUs: {}", cpus::running());
    say!("validate: {}", cfg!(feature = "validate"));
    modes::with_memory(command_line);

    checks::run();
    say!("all is well");
    exit(End::Success)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    /// The CPU that panics, and 1.
    static FIRST: AtomicUsize = AtomicUsize::new(0);
    let own = cpus::id() + 1;
    // What another CPU has to say would only mix with the first panic's message.
    while FIRST
        .compare_exchange(0, own, Ordering::SeqCst, Ordering::SeqCst)
        .is_err_and(|first| first != own)
    {
        core::hint::spin_loop();
    }
    serial::print_last_words(format_args!("{info}"));
    modes::last_words();
    exit(End::Failure)
}
