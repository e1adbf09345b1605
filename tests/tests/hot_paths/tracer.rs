//! Steps a child process through the functions that it marks.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::ptr;

/// One call of a marked function.
pub(crate) struct Walk {
    /// Which path it is, as the program numbers them.
    pub(crate) path: usize,
    /// The size asked for, in bytes.
    pub(crate) size: usize,
    /// The file that holds the function.
    pub(crate) file: PathBuf,
    /// The address in the file of every executed instruction.
    pub(crate) steps: Vec<u64>,
}

/// More steps than any path may have: the function has gone astray.
const TOO_MANY: usize = 20_000;

/// Runs `command` and steps through each marked call.
#[expect(clippy::zombie_processes, reason = "the tracer waits for it by its own means")]
pub(crate) fn walks(command: &mut Command) -> Vec<Walk> {
    let trace_me = || match request(libc::PTRACE_TRACEME, 0, ptr::null_mut()) {
        -1 => Err(std::io::Error::last_os_error()),
        _ => Ok(()),
    };
    command.stdin(Stdio::null());
    // SAFETY: between fork and exec only one system call is made.
    unsafe { command.pre_exec(trace_me) };
    let mut child = command.spawn().expect("the traced program starts");
    let tracee = Tracee { pid: child.id() as libc::pid_t };
    let mut walks = Vec::new();
    assert_eq!(tracee.wait(), Some(libc::SIGTRAP), "a traced program stops at its start");
    loop {
        tracee.go(libc::PTRACE_CONT);
        match tracee.wait() {
            Some(libc::SIGTRAP) => walks.push(tracee.walk()),
            Some(signal) => {
                // The child can only be ended now; that this may fail changes nothing.
                let _ = child.kill();
                panic!("the traced program got signal {signal}");
            }
            None => break,
        }
    }
    assert!(!walks.is_empty(), "the traced program marked no call");
    walks
}

struct Tracee {
    pid: libc::pid_t,
}

impl Tracee {
    /// Waits for the next stop and gives its signal, or `None` at the end of the process.
    fn wait(&self) -> Option<i32> {
        let mut status = 0;
        // SAFETY: `status` lives for the call.
        let pid = unsafe { libc::waitpid(self.pid, &mut status, 0) };
        assert_eq!(pid, self.pid, "the traced program can be waited for");
        assert!(
            !libc::WIFEXITED(status) || libc::WEXITSTATUS(status) == 0,
            "the traced program failed with {}",
            libc::WEXITSTATUS(status)
        );
        assert!(!libc::WIFSIGNALED(status), "the traced program died");
        libc::WIFSTOPPED(status).then(|| libc::WSTOPSIG(status))
    }

    fn go(&self, how: libc::c_uint) {
        assert_eq!(request(how, self.pid, ptr::null_mut()), 0, "ptrace lets the program go on");
    }

    fn registers(&self) -> libc::user_regs_struct {
        // SAFETY: the registers are plain numbers, for which zero is a value.
        let mut registers: libc::user_regs_struct = unsafe { std::mem::zeroed() };
        let result = request(libc::PTRACE_GETREGS, self.pid, (&raw mut registers).cast());
        assert_eq!(result, 0, "ptrace reads the registers");
        registers
    }

    fn step(&self) -> libc::user_regs_struct {
        self.go(libc::PTRACE_SINGLESTEP);
        assert_eq!(self.wait(), Some(libc::SIGTRAP), "a step ends with a trap");
        self.registers()
    }

    /// From a mark to the function's entry, then through it to its return.
    fn walk(&self) -> Walk {
        let mark = self.registers();
        let mut now = mark;
        for _ in 0..TOO_MANY {
            if now.rip == mark.rdi {
                break;
            }
            now = self.step();
        }
        assert_eq!(now.rip, mark.rdi, "the marked function is called next");
        let (file, base) = mapped_file(self.pid, now.rip);
        let entry_stack = now.rsp;
        let mut steps = Vec::new();
        // The return address lies at the entry's stack pointer: past it, the function is left.
        while now.rsp <= entry_stack && steps.len() < TOO_MANY {
            steps.push(now.rip.wrapping_sub(base));
            now = self.step();
        }
        Walk { path: mark.rsi as usize, size: mark.rdx as usize, file, steps }
    }
}

/// The file mapped at `address`, and where its first byte is mapped.
fn mapped_file(pid: libc::pid_t, address: u64) -> (PathBuf, u64) {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("a process has maps");
    let mappings: Vec<(u64, u64, &str)> = maps.lines().filter_map(mapping).collect();
    let within = mappings.iter().find(|(start, end, _)| (*start..*end).contains(&address));
    let path = within.expect("a function lies in a mapped file").2;
    let base = mappings.iter().find(|(_, _, other)| *other == path).expect("just found").0;
    (Path::new(path).to_path_buf(), base)
}

fn mapping(line: &str) -> Option<(u64, u64, &str)> {
    let path = &line[line.find('/')?..];
    let (start, rest) = line.split_once('-')?;
    let end = rest.split(' ').next()?;
    Some((u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?, path))
}

fn request(what: libc::c_uint, pid: libc::pid_t, data: *mut libc::c_void) -> libc::c_long {
    // SAFETY: the requests made here write nowhere but to `data`, which is null or the caller's.
    unsafe { libc::ptrace(what, pid, ptr::null_mut::<libc::c_void>(), data) }
}
