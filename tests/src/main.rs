//! The runner behind `cargo verify` and `cargo demo`.

use std::process::ExitCode;

mod runner;

const USAGE: &str = "\
usage: cargo verify [OPTIONS]    run every test
       cargo demo                run a real program under hakmem

options of verify:
  --only SUITE[,SUITE...]  run these suites alone
  --list                   list the suites
  --no-install             do not install programs that the tests use and this machine lacks
  --sanitizers             run the stress tests under ThreadSanitizer and AddressSanitizer
                           instead (needs a nightly toolchain)
  --machines NAME[,NAME...]
                           run core's tests on aarch64, i686 or armv7, which QEMU plays, or build
                           it for targets without a system (bare), instead: with Rust 1.85, and
                           from packages of Debian 12 that are unpacked and not installed
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.split_first() {
        Some((first, rest)) if first == "verify" => runner::verify(rest),
        Some((first, [])) if first == "demo" => runner::demo(),
        _ => Err(USAGE.to_owned()),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprint!("{message}");
            ExitCode::from(2)
        }
    }
}
