//! Where a program is, and whether the dynamic linker preloads anything into it.

use crate::Refusal;
use object::elf;
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, ReadCache, ReadRef};
use rustix::fs::Access;
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A script's interpreter may be a script: Linux follows that many.
const SCRIPTS: usize = 4;

/// Finds a program as `execvp` would: a name with a slash is a path, any other is looked for in
/// `PATH`.
pub(crate) fn find(name: &OsStr, path: Option<&OsStr>) -> Result<PathBuf, Refusal> {
    if name.as_bytes().contains(&b'/') {
        let path = PathBuf::from(name);
        return match runnable(&path) {
            Ok(()) => Ok(path),
            Err(Errno::NOENT | Errno::NOTDIR) => {
                Err(Refusal::not_found(format!("{}: no such program", path.display())))
            }
            Err(error) => Err(cannot_run(&path, error)),
        };
    }
    let mut refused = None;
    if !name.is_empty() {
        let folders = path.unwrap_or(OsStr::new("/bin:/usr/bin"));
        for folder in std::env::split_paths(folders) {
            let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
            let candidate = folder.join(name);
            match runnable(&candidate) {
                Ok(()) => return Ok(candidate),
                Err(Errno::ACCESS) => {
                    refused.get_or_insert_with(|| cannot_run(&candidate, Errno::ACCESS));
                }
                Err(_) => {}
            }
        }
    }
    Err(refused.unwrap_or_else(|| {
        Refusal::not_found(format!("{}: no such program in PATH", Path::new(name).display()))
    }))
}

fn runnable(path: &Path) -> Result<(), Errno> {
    if path.is_dir() {
        return Err(Errno::ACCESS);
    }
    rustix::fs::access(path.as_os_str().as_bytes(), Access::EXEC_OK)
}

fn cannot_run(path: &Path, error: Errno) -> Refusal {
    Refusal::not_runnable(format!("{}: {}", path.display(), in_words(error)))
}

fn in_words(error: Errno) -> std::io::Error {
    std::io::Error::from_raw_os_error(error.raw_os_error())
}

/// Refuses a program that would run, but without the library: scripts are judged by their
/// interpreter.
pub(crate) fn check(path: &Path, library: &Path) -> Result<(), Refusal> {
    let ours = read(library)
        .map_err(|error| Refusal::ours(format!("{}: {error}", library.display())))?
        .elf;
    let mut path = path.to_owned();
    for _ in 0..=SCRIPTS {
        // A program may be runnable and yet not readable; it gets the benefit of the doubt.
        let Ok(facts) = read(&path) else {
            return Ok(());
        };
        if let Some(interpreter) = facts.interpreter_of_script {
            runnable(&interpreter).map_err(|error| {
                Refusal::not_runnable(format!(
                    "{}: its interpreter {}: {}",
                    path.display(),
                    interpreter.display(),
                    in_words(error)
                ))
            })?;
            path = interpreter;
            continue;
        }
        return match facts.elf.map(|program| obstacle(&program, ours.as_ref(), privilege(&path))) {
            Some(Some(reason)) => {
                Err(Refusal::not_runnable(format!("{}: {reason}", path.display())))
            }
            // Neither a script nor an executable: `exec` has the last word.
            _ => Ok(()),
        };
    }
    Err(Refusal::not_runnable(format!("{}: too many scripts in a row", path.display())))
}

/// What an executable's file says about it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Facts {
    interpreter_of_script: Option<PathBuf>,
    elf: Option<Elf>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Elf {
    /// Class, byte order and machine.
    architecture: (u8, u8, u16),
    /// The dynamic linker that it asks for; `None`: it is statically linked.
    linker: Option<Vec<u8>>,
}

fn read(path: &Path) -> std::io::Result<Facts> {
    let mut file = File::open(path)?;
    let mut start = Vec::new();
    file.by_ref().take(256).read_to_end(&mut start)?;
    if let Some(line) = start.strip_prefix(b"#!") {
        return Ok(Facts { interpreter_of_script: interpreter(line), elf: None });
    }
    let elf = match start.get(..5) {
        Some([0x7f, b'E', b'L', b'F', elf::ELFCLASS64]) => {
            elf_facts::<elf::FileHeader64<Endianness>>(&ReadCache::new(file))
        }
        Some([0x7f, b'E', b'L', b'F', elf::ELFCLASS32]) => {
            elf_facts::<elf::FileHeader32<Endianness>>(&ReadCache::new(file))
        }
        _ => None,
    };
    Ok(Facts { interpreter_of_script: None, elf })
}

/// The interpreter's path in a script's first line, without the `#!`.
fn interpreter(line: &[u8]) -> Option<PathBuf> {
    let line = line.split(|&byte| byte == b'\n').next()?.trim_ascii_start();
    let path = line.split(u8::is_ascii_whitespace).next()?;
    (!path.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(path)))
}

/// `None`: not a well-formed ELF file.
fn elf_facts<'data, H: FileHeader<Endian = Endianness>>(data: impl ReadRef<'data>) -> Option<Elf> {
    let header = H::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let ident = header.e_ident();
    let linker = header
        .program_headers(endian, data)
        .ok()?
        .iter()
        .find_map(|segment| segment.interpreter(endian, data).ok().flatten());
    Some(Elf {
        architecture: (ident.class, ident.data, header.e_machine(endian)),
        linker: linker.map(<[u8]>::to_vec),
    })
}

/// What a program gains by being started, which makes the dynamic linker ignore `LD_PRELOAD`.
fn privilege(path: &Path) -> Option<&'static str> {
    const SET_USER: u32 = 0o4000;
    // Without the group's right to execute, the bit means something else.
    const SET_GROUP: u32 = 0o2010;
    let file = std::fs::metadata(path).ok()?;
    let user = rustix::process::getuid();
    let bytes = path.as_os_str().as_bytes();
    if file.mode() & SET_USER == SET_USER && file.uid() != user.as_raw() {
        Some("a set-user-ID program")
    } else if file.mode() & SET_GROUP == SET_GROUP
        && file.gid() != rustix::process::getgid().as_raw()
    {
        Some("a set-group-ID program")
    } else if !user.is_root()
        && rustix::fs::getxattr(bytes, "security.capability", &mut [0_u8; 64]).is_ok()
    {
        Some("a program with file capabilities")
    } else {
        None
    }
}

/// Why the library would not get into the program.
fn obstacle(program: &Elf, library: Option<&Elf>, privilege: Option<&str>) -> Option<String> {
    if let Some(privilege) = privilege {
        return Some(format!("{privilege}: the dynamic linker preloads nothing into it"));
    }
    if library.is_some_and(|library| library.architecture != program.architecture) {
        return Some("built for another architecture than libhakmem.so".into());
    }
    match &program.linker {
        None => Some("statically linked: nothing can be preloaded into it".into()),
        Some(linker) if linker.windows(7).any(|part| part == b"ld-musl") => {
            Some("linked with musl, libhakmem.so with glibc".into())
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    const NATIVE: (u8, u8, u16) = (elf::ELFCLASS64, elf::ELFDATA2LSB, elf::EM_X86_64);

    fn program(linker: Option<&str>) -> Elf {
        Elf { architecture: NATIVE, linker: linker.map(|linker| linker.as_bytes().to_vec()) }
    }

    /// A folder of the test's own.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("hakmem-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn file(&self, name: &str, contents: &[u8], mode: u32) -> PathBuf {
            let path = self.0.join(name);
            fs::write(&path, contents).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn status<T>(answer: Result<T, Refusal>) -> u8 {
        answer.err().expect("a refusal").status
    }

    #[test]
    fn finds_as_a_shell_does() {
        let folder = Folder::new("find");
        let tool = folder.file("tool", b"", 0o755);
        folder.file("text", b"", 0o644);
        fs::create_dir(folder.0.join("sub")).unwrap();
        let path = std::env::join_paths(["/no/such/folder".into(), folder.0.clone()]).unwrap();
        let find = |name: &str| find(OsStr::new(name), Some(&path));

        assert_eq!(find("tool").unwrap(), tool);
        assert_eq!(find(tool.to_str().unwrap()).unwrap(), tool);
        assert_eq!(status(find("other")), 127);
        assert_eq!(status(find("")), 127);
        assert_eq!(status(find("/no/such/tool")), 127);
        assert_eq!(status(find("text")), 126);
        assert_eq!(status(find("sub")), 126);
        assert_eq!(status(find(folder.0.to_str().unwrap())), 126);
    }

    #[test]
    fn static_and_privileged_programs_are_refused() {
        let linker = Some("/lib64/ld-linux-x86-64.so.2");
        let library = program(None);
        assert_eq!(obstacle(&program(linker), Some(&library), None), None);
        let reason = |program, privilege| obstacle(&program, Some(&library), privilege).unwrap();
        assert!(reason(program(None), None).contains("statically linked"));
        assert!(reason(program(Some("/lib/ld-musl-x86_64.so.1")), None).contains("musl"));
        assert!(reason(program(linker), Some("a set-user-ID program")).contains("set-user-ID"));
        let other = Elf { architecture: (elf::ELFCLASS32, 1, elf::EM_386), ..program(linker) };
        assert!(reason(other, None).contains("architecture"));
    }

    #[test]
    fn reads_a_script_s_first_line() {
        let path = |line: &[u8]| interpreter(line);
        assert_eq!(path(b"/bin/sh\necho"), Some("/bin/sh".into()));
        assert_eq!(path(b" /usr/bin/env python3\n"), Some("/usr/bin/env".into()));
        assert_eq!(path(b"/bin/sh"), Some("/bin/sh".into()));
        assert_eq!(path(b"\n/bin/sh"), None);
        assert_eq!(path(b""), None);
    }

    #[test]
    fn a_script_is_its_interpreter() {
        let folder = Folder::new("script");
        // This test is a dynamically linked program itself, and as good as a library here.
        let this = std::env::current_exe().unwrap();
        let line = |path: &Path| format!("#!{} -x\n", path.display());
        let fine = folder.file("fine", line(&this).as_bytes(), 0o755);
        let twice = folder.file("twice", line(&fine).as_bytes(), 0o755);
        let lost = folder.file("lost", b"#!/no/such/interpreter\n", 0o755);
        let ring = folder.file("ring", line(&folder.0.join("ring")).as_bytes(), 0o755);
        let text = folder.file("text", b"echo hello\n", 0o755);

        assert_eq!(check(&fine, &this), Ok(()));
        assert_eq!(check(&twice, &this), Ok(()));
        assert_eq!(check(&text, &this), Ok(()));
        assert_eq!(status(check(&lost, &this)), 126);
        assert_eq!(status(check(&ring, &this)), 126);
        assert_eq!(status(check(&fine, Path::new("/no/such/library"))), 125);
    }

    #[test]
    fn knows_a_dynamic_program_from_a_broken_one() {
        let folder = Folder::new("elf");
        let this = std::env::current_exe().unwrap();
        let facts = read(&this).unwrap().elf.unwrap();
        assert!(facts.linker.is_some());

        let mut bytes = fs::read(&this).unwrap();
        // The interpreter's program header, made an empty one: the program is static now.
        let table = usize::from_le_bytes(bytes[32..40].try_into().unwrap());
        let size = usize::from(u16::from_le_bytes(bytes[54..56].try_into().unwrap()));
        let count = usize::from(u16::from_le_bytes(bytes[56..58].try_into().unwrap()));
        let interp = (0..count)
            .map(|index| table + index * size)
            .find(|&at| bytes[at..at + 4] == elf::PT_INTERP.to_le_bytes())
            .unwrap();
        bytes[interp..interp + 4].copy_from_slice(&elf::PT_NULL.to_le_bytes());
        let fixed = folder.file("static", &bytes, 0o755);
        let refusal = check(&fixed, &this).unwrap_err();
        assert_eq!(refusal.status, 126);
        assert!(refusal.reason.contains("statically linked"), "{}", refusal.reason);

        let broken = folder.file("broken", &bytes[..40], 0o755);
        assert_eq!(read(&broken).unwrap(), Facts::default());
        assert_eq!(check(&broken, &this), Ok(()));
    }
}
