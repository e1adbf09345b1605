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

if [ ${#missing[@]} -eq 0 ] && has_python_tests; then
    echo "everything is installed"
    exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "missing, and not installed for want of root or apt-get: ${missing[*]} python3's tests"
    exit 0
fi

twice() { # COMMAND...: once more after a failure, since a mirror may be out for a moment
    "$@" || { sleep 5; "$@"; }
}
install() { # PACKAGE...: one that does not exist here must not keep the others away
    local known=() package
    for package in "$@"; do
        if apt-cache show "$package" >/dev/null 2>&1; then
            known+=("$package")
        else
            echo "no package is called $package here"
        fi
    done
    [ ${#known[@]} -eq 0 ] || twice apt-get -q -y -o DPkg::Lock::Timeout=300 \
        install --no-install-recommends "${known[@]}" </dev/null
}

echo "installing: ${missing[*]} and python3's tests where they are missing"
twice apt-get -q -o DPkg::Lock::Timeout=300 update </dev/null
[ ${#missing[@]} -eq 0 ] || install "${missing[@]}"
if [ -x /usr/bin/python3 ] && ! has_python_tests; then
    install "$(python_tests)"
fi
