//! A kernel that boots under QEMU and puts hakmem-core to the test.
#![cfg_attr(target_arch = "x86_64", no_std, no_main)]

#[cfg(target_arch = "x86_64")]
mod platform;

#[cfg(target_arch = "x86_64")]
mod kernel {
    use crate::platform::{End, cpus, exit, serial, start_info::StartInfo};
    use serial::say;
    #[unsafe(no_mangle)]
    extern "C" fn first_cpu(start_info: usize) -> ! {
        unsafe { cpus::set_up_first() };
        let info = unsafe { StartInfo::at(start_info) };
        say!("hello '{}' {:x?}", info.command_line(), info.memory());
        unsafe { cpus::start_others() };
        say!("{} CPUs", cpus::running());
        cpus::run_on_all(|id| say!("CPU {id}"));
        exit(End::Success)
    }

    #[panic_handler]
    fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
        serial::print_last_words(format_args!("{info}"));
        exit(End::Failure)
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn main() {
    println!("there is no kernel for this machine");
}
