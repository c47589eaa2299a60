# Debian userlands to run tests in; to be sourced by bash with `set -euo pipefail`.
#
# They are kept in EDGE_HWR_CACHE (~/.cache/edge-hwr), one folder a recipe, and made anew when the recipe or this file
# changes; old ones may be removed. A folder bears its final name only once it is whole, so an interrupted run leaves
# nothing that passes for a userland.

cache=${EDGE_HWR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/edge-hwr}

say() { printf '%s\n' "$*" >&2; }

# require_tools PROGRAM=PACKAGE...: the programs are there, or are installed in CI, or it is said how.
require_tools() {
    local tool missing=()
    [ "$(id -u)" = 0 ] || { say "This makes a Debian userland and changes root into it: run it as root, with sudo."; exit 1; }
    PATH=$PATH:/usr/sbin:/sbin
    for tool; do
        command -v "${tool%%=*}" >/dev/null || missing+=("${tool#*=}")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "${CI:-}" = true ]; then
        apt-get update -qq >&2
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >&2
    else
        say "Missing here; install with: sudo apt install ${missing[*]}"
        exit 1
    fi
}

# make_root NAME SUITE ARCHITECTURE PACKAGES SETUP: prints the folder of a userland with PACKAGES (joined by commas),
# in which the shell commands SETUP have been run. One that exists is used as it is.
make_root() {
    local name=$1 suite=$2 architecture=$3 packages=$4 setup=$5 root part
    root=$cache/roots/$name-$(printf '%s\n' "$@" | cat - "${BASH_SOURCE[0]}" | sha256sum | cut -c1-12)
    part=$root.part
    mkdir -p "$cache/roots"
    exec {lock}>"$root.lock"
    flock "$lock" # two runs at once make it once
    if [ ! -d "$root" ]; then
        say "Making $root (minutes; kept for later runs)"
        rm -rf --one-file-system "$part"
        # Compiling every module of Python beforehand is what takes longest where the processor is emulated: left out.
        # A userland that can be made again in minutes need not survive a power cut while it is unpacked.
        unshare --mount --propagation private -- mmdebstrap --mode=root --variant=minbase \
            --architectures="$architecture" --include="ca-certificates,$packages" --dpkgopt=force-unsafe-io \
            --essential-hook='for name in py3compile py3clean; do
                chroot "$1" dpkg-divert --local --add --no-rename --divert "/usr/bin/$name.real" "/usr/bin/$name"
                ln -s /bin/true "$1/usr/bin/$name"
            done' "$suite" "$part" >"$root.log" 2>&1 || _failed "$root.log"
        # After mmdebstrap, which writes its own: this machine may have to trust more than Debian does.
        cp -L /etc/ssl/certs/ca-certificates.crt "$part/etc/ssl/certs/ca-certificates.crt"
        cp -L /etc/resolv.conf "$part/etc/resolv.conf"
        enter "$part" -- bash -euc "$setup" >>"$root.log" 2>&1 || _failed "$root.log"
        mv "$part" "$root"
        say "Made in $SECONDS s, $(du -sm "$root" | cut -f1) MB"
    fi
    flock -u "$lock"
    printf '%s\n' "$root"
}

# enter ROOT [HOST:GUEST...] [NAME=VALUE...] -- COMMAND...: run COMMAND inside, with the host's files and folders bound
# into the userland. /proc, /sys and the binds are mounted in a namespace that ends with COMMAND, so that nothing is ever left
# mounted in a folder that somebody removes.
enter() {
    local root=$1 binds=() settings=() name
    shift
    while [ "$1" != -- ]; do
        case $1 in
            *=*) settings+=("$1") ;;
            *) binds+=("$1") ;;
        esac
        shift
    done
    shift
    for name in http_proxy https_proxy no_proxy PIP_INDEX_URL PIP_DEFAULT_TIMEOUT; do
        [ -z "${!name:-}" ] || settings+=("$name=${!name}")
    done
    mkdir -p "$cache/pip"
    binds+=("$cache/pip:/root/.cache/pip")
    # shellcheck disable=SC2016
    unshare --mount --propagation private -- bash -euc '
        root=$1 count=$2
        shift 2
        mount -t proc proc "$root/proc"
        mount -t sysfs -o ro sysfs "$root/sys"
        for bind in "${@:1:count}"; do
            [ -e "$root${bind#*:}" ] || mkdir -p "$root${bind#*:}"
            mount --bind "${bind%%:*}" "$root${bind#*:}"
        done
        shift "$count"
        exec chroot "$root" "$@"' enter "$root" "${#binds[@]}" "${binds[@]}" \
        /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore "${settings[@]}" "$@"
}

_failed() {
    tail -n 20 "$1" >&2
    say "The userland could not be made; the whole log: $1"
    exit 1
}
