//! Link options of `libhakmem.so`.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // The name by which programs that were linked with the library look for it.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libhakmem.so");
    // Calls inside the library stay inside it, whatever the program defines under the same names.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-Bsymbolic-functions");
    // No lazy binding: the first call of a libc function must not run the dynamic linker in the
    // middle of `malloc`.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,now");
    // The thread-local block has a fixed place, so the library cannot be unloaded or come late.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
