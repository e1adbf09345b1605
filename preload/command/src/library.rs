//! Where `libhakmem.so` is, and what goes into `LD_PRELOAD`.

use crate::Refusal;
use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

const FILE: &str = "libhakmem.so";

/// The library: what `HAKMEM_LIB` names, or what lies beside this executable, or in the `lib`
/// beside its folder.
pub(crate) fn find() -> Result<PathBuf, Refusal> {
    let executable = env::current_exe().and_then(|path| path.canonicalize()).ok();
    let asked = env::var_os("HAKMEM_LIB").filter(|path| !path.is_empty());
    choose(asked.as_deref(), executable.as_deref())
}

fn choose(asked: Option<&OsStr>, executable: Option<&Path>) -> Result<PathBuf, Refusal> {
    if let Some(path) = asked {
        let missing =
            |error| Refusal::ours(format!("HAKMEM_LIB={}: {error}", Path::new(path).display()));
        return Path::new(path).canonicalize().map_err(missing);
    }
    let folder = executable.and_then(Path::parent).unwrap_or(Path::new("/"));
    let places = [folder.join(FILE), folder.join("../lib").join(FILE)];
    places.iter().find_map(|place| place.canonicalize().ok()).ok_or_else(|| {
        Refusal::ours(format!(
            "{FILE} is neither beside {0} nor in {0}/../lib; HAKMEM_LIB can name it",
            folder.display()
        ))
    })
}

/// `LD_PRELOAD` with the library in front of what is there already.
pub(crate) fn preload(library: &Path, before: Option<&OsStr>) -> Result<OsString, Refusal> {
    let bytes = library.as_os_str().as_bytes();
    if bytes.iter().any(|byte| b" :".contains(byte)) {
        return Err(Refusal::ours(format!(
            "{}: the dynamic linker takes no path with a space or a colon in LD_PRELOAD",
            library.display()
        )));
    }
    let mut preload = library.as_os_str().to_owned();
    if let Some(before) = before.filter(|before| !before.is_empty()) {
        preload.push(":");
        preload.push(before);
    }
    Ok(preload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn goes_in_front() {
        let library = Path::new("/opt/libhakmem.so");
        assert_eq!(preload(library, None).unwrap(), "/opt/libhakmem.so");
        assert_eq!(preload(library, Some(OsStr::new(""))).unwrap(), "/opt/libhakmem.so");
        let both = preload(library, Some(OsStr::new("a.so b.so"))).unwrap();
        assert_eq!(both, "/opt/libhakmem.so:a.so b.so");
    }

    #[test]
    fn a_path_that_the_linker_would_split_is_refused() {
        for path in ["/my programs/libhakmem.so", "/a:b/libhakmem.so"] {
            assert_eq!(preload(Path::new(path), None).unwrap_err().status, 125);
        }
    }

    #[test]
    fn looks_beside_the_executable_then_in_lib() {
        let root = env::temp_dir().join(format!("hakmem-library-{}", std::process::id()));
        fs::create_dir_all(root.join("bin")).unwrap();
        fs::create_dir_all(root.join("lib")).unwrap();
        let root = root.canonicalize().unwrap();
        let executable = root.join("bin/hakmem");

        assert_eq!(choose(None, Some(&executable)).unwrap_err().status, 125);
        fs::write(root.join("lib").join(FILE), "").unwrap();
        assert_eq!(choose(None, Some(&executable)).unwrap(), root.join("lib").join(FILE));
        fs::write(root.join("bin").join(FILE), "").unwrap();
        assert_eq!(choose(None, Some(&executable)).unwrap(), root.join("bin").join(FILE));
        let named = root.join("lib").join(FILE);
        assert_eq!(choose(Some(named.as_os_str()), Some(&executable)).unwrap(), named);
        let missing = root.join("no.so");
        assert_eq!(choose(Some(missing.as_os_str()), None).unwrap_err().status, 125);

        fs::remove_dir_all(&root).unwrap();
    }
}
