#!/usr/bin/env bash
# Installs the programs that the tests use and this machine lacks, from Debian's packages.
# Where that cannot be done it says what is missing: the tests of those programs are skipped.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

missing=()
need() { # COMMAND PACKAGE...: the packages are needed where there is no such command
    command -v "$1" >/dev/null 2>&1 || missing+=("${@:2}")
}

need cc gcc libc6-dev
need g++ g++
need objdump binutils
need git git
need perl perl
need sqlite3 sqlite3
need redis-server redis-server
need redis-benchmark redis-tools
[ -x /usr/bin/python3 ] || missing+=(python3)

python_tests() { # the package of the tests that belong to Debian's python
    /usr/bin/python3 -c '
import sys
print("libpython%d.%d-testsuite" % sys.version_info[:2])'
}
has_python_tests() {
    /usr/bin/python3 -c 'import test.test_dict' >/dev/null 2>&1
}

has_qemu() { # for the kernel, which is one for x86-64
    [ "$(uname -m)" != x86_64 ] || command -v qemu-system-x86_64 >/dev/null 2>&1
}

if [ ${#missing[@]} -eq 0 ] && has_python_tests && has_qemu; then
    echo "everything is installed"
    exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    has_qemu || missing+=(qemu-system-x86)
    echo "missing, and not installed for want of root or apt-get: ${missing[*]} python3's tests"
    exit 0
fi

twice() { # COMMAND...: once more after a failure, since a mirror may be out for a moment
    "$@" || { sleep 5; "$@"; }
}
apt=(apt-get -q -y -o DPkg::Lock::Timeout=300)
install() { # PACKAGE...: one that does not exist here must not keep the others away
    local known=() package
    for package in "$@"; do
        if apt-cache show "$package" >/dev/null 2>&1; then
            known+=("$package")
        else
            echo "no package is called $package here"
        fi
    done
    [ ${#known[@]} -eq 0 ] || twice "${apt[@]}" install --no-install-recommends "${known[@]}" </dev/null
}

# Two packages in one line: an emulator that does not suit the utilities there would remove them.
qemu=(qemu-system-x86 qemu-utils)
install_qemu() {
    # Utilities from the backports, of which apt may not know any more, need an emulator from there.
    case "$(dpkg-query -W -f '${Version}' qemu-utils 2>/dev/null)" in
    *~bpo*) qemu_from_backports ;;
    *) install "${qemu[@]}" ;;
    esac
}
qemu_from_backports() {
    local release list mirror
    release="$(. /etc/os-release && echo "$VERSION_CODENAME")-backports"
    mirror="$(grep -rhoE '[a-z]+://[^ ]+/debian/?( |$)' /etc/apt/sources.list* | head -n 1)"
    [ -n "$mirror" ] || return 1
    list="$(mktemp --suffix=.list)"
    { cat /etc/apt/sources.list 2>/dev/null || true; } >"$list"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
        "$mirror $release main" >>"$list"
    chmod a+r "$list"
    # For these two calls alone: where apt looks from then on is the user's affair.
    local with=("${apt[@]}" -o "Dir::Etc::SourceList=$list") done=0
    twice "${with[@]}" update </dev/null &&
        "${with[@]}" install --no-install-recommends -t "$release" "${qemu[@]}" </dev/null || done=1
    rm -f "$list"
    return "$done"
}

echo "installing: ${missing[*]} and, where they are missing, python3's tests and an emulator"
twice apt-get -q -o DPkg::Lock::Timeout=300 update </dev/null
[ ${#missing[@]} -eq 0 ] || install "${missing[@]}"
if [ -x /usr/bin/python3 ] && ! has_python_tests; then
    install "$(python_tests)"
fi
has_qemu || install_qemu || echo "no emulator could be installed: the kernel's tests are skipped"
