//! The first serial port, which QEMU shows on its standard output.

use super::port;
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, Ordering};

const DATA: u16 = 0x3f8;
const LINE_STATUS: u16 = DATA + 5;
const MAY_SEND: u8 = 1 << 5;

struct Serial;

impl Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            // SAFETY: the serial port's registers.
            unsafe {
                while port::read_u8(LINE_STATUS) & MAY_SEND == 0 {
                    core::hint::spin_loop();
                }
                port::write_u8(DATA, byte);
            }
        }
        Ok(())
    }
}

static BUSY: AtomicBool = AtomicBool::new(false);

/// Prints a line that no other CPU's line mixes with.
pub(crate) fn print_line(line: fmt::Arguments<'_>) {
    while BUSY.swap(true, Ordering::Acquire) {
        core::hint::spin_loop();
    }
    print_last_words(line);
    BUSY.store(false, Ordering::Release);
}

/// Prints a line at once, whoever else is at it: for a panic, which may have come in the middle of
/// another line.
pub(crate) fn print_last_words(line: fmt::Arguments<'_>) {
    // The port takes everything, and what a value's `Display` may refuse is its own affair.
    let _ = writeln!(Serial, "{line}");
}

/// Prints a line on the serial port.
macro_rules! say {
    ($($part:tt)*) => { $crate::platform::serial::print_line(format_args!($($part)*)) };
}
pub(crate) use say;
