#!/usr/bin/env bash
# Fetches what it takes to build and run tests for other machines: Debian's cross compiler, its Rust of the
# oldest version that we support, and QEMU's user mode. All is unpacked into a folder and nothing is
# installed, so the machine stays as it is.
#
# usage: machines.sh FOLDER MACHINE...      MACHINE: aarch64, i686, armv7
#        machines.sh FOLDER bare            the source of `core`, to build for targets without a system
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

folder=$1
shift
rust=1.85.0 # Debian has a newer one as well, and takes that if nobody says which.

command -v apt-get >/dev/null 2>&1 && [ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ] || {
    echo "packages for x86-64 by apt-get are needed" >&2
    exit 1
}

of_machine() { # MACHINE: Debian's names of the architecture and of the compiler
    case $1 in
    aarch64) echo arm64 aarch64-linux-gnu ;;
    i686) echo i386 i686-linux-gnu ;;
    armv7) echo armhf arm-linux-gnueabihf ;;
    *)
        echo "no machine is called $1" >&2
        return 1
        ;;
    esac
}

missing=()
architectures=(amd64)
need() { # PACKAGE...: those that were not unpacked before
    for package in "$@"; do
        [ -e "$folder/unpacked/$package" ] || missing+=("$package")
    done
}

need rustc-web libstd-rust-web-1.85 libstd-rust-web-dev libllvm19
for machine in "$@"; do
    if [ "$machine" = bare ]; then
        need rust-web-src
        continue
    fi
    names=$(of_machine "$machine")
    read -r debian gnu <<<"$names"
    architectures+=("$debian")
    need qemu-user-static "libstd-rust-web-dev:$debian"
    need "gcc-12-$gnu" "cpp-12-$gnu" "binutils-$gnu" "libc6-$debian-cross" "libc6-dev-$debian-cross" \
        "libgcc-12-dev-$debian-cross" "libgcc-s1-$debian-cross" "linux-libc-dev-$debian-cross"
done
[ ${#missing[@]} -eq 0 ] && exit 0

mkdir -p "$folder"/{lists/partial,cache/archives/partial,packages,unpacked,root}
folder=$(cd "$folder" && pwd)
cd "$folder/packages"
# An index of its own: the machine's knows one architecture.
options=(-q -o "Dir::State::lists=$folder/lists" -o "Dir::Cache=$folder/cache" -o APT::Sandbox::User=root)
for architecture in "${architectures[@]}"; do
    options+=(-o "APT::Architectures::=$architecture")
done
# While a mirror is renewed an index or another fails, and not all of them are needed.
apt-get "${options[@]}" update </dev/null || echo "not every index could be had; going on"

wanted=()
for package in "${missing[@]}"; do
    case $package in
    rustc-web | rust-web-src | libstd-rust-web-*) wanted+=("$package=$rust*") ;;
    *) wanted+=("$package") ;;
    esac
done
apt-get "${options[@]}" download "${wanted[@]}" </dev/null
for package in *.deb; do
    dpkg -x "$package" "$folder/root"
    rm "$package"
done
for package in "${missing[@]}"; do
    touch "$folder/unpacked/$package"
done
