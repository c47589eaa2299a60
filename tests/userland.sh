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

# make_root NAME SUITE ARCHITECTURE VARIANT PACKAGES SETUP: prints the folder of a userland with PACKAGES (joined by commas),
# in which the shell commands SETUP have been run. One that exists is used as it is. VARIANT is one of mmdebstrap's:
# minbase, or extract, which unpacks the packages and runs nothing of theirs.
make_root() {
    local name=$1 suite=$2 architecture=$3 variant=$4 packages=$5 setup=$6 root part
    root=$cache/roots/$name-$(printf '%s\n' "$@" | cat - "${BASH_SOURCE[0]}" | sha256sum | cut -c1-12)
    part=$root.part
    mkdir -p "$cache/roots"
    exec {lock}>"$root.lock"
    flock "$lock" # two runs at once make it once
    if [ ! -d "$root" ]; then
        say "Making $root (minutes; kept for later runs)"
        : >"$root.log"
        _debootstrap "$part" "$suite" "$architecture" "$variant" "$packages" >>"$root.log" 2>&1 || _failed "$root.log"
        enter "$part" -- bash -euc "$setup" >>"$root.log" 2>&1 || _failed "$root.log"
        mv "$part" "$root"
        say "Made in $SECONDS s, $(du -sm "$root" | cut -f1) MB"
    fi
    flock -u "$lock"
    printf '%s\n' "$root"
}

# enter ROOT [HOST:GUEST...] [NAME=VALUE...] -- COMMAND...: run COMMAND inside, with the host's files and folders bound
# into the userland. /proc, /sys and the binds are mounted in a namespace that ends with COMMAND, so that nothing is ever left
# mounted in a folder that somebody removes. How names are resolved and who is trusted is that of this machine, now.
enter() {
    local root=$1 binds=() settings=() name
    shift
    while [ "$1" != -- ]; do
        case $1 in
            /*) binds+=("$1") ;;
            *) settings+=("$1") ;;
        esac
        shift
    done
    shift
    for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY PIP_INDEX_URL PIP_DEFAULT_TIMEOUT PIP_TRUSTED_HOST; do
        [ -z "${!name:-}" ] || settings+=("$name=${!name}")
    done
    mkdir -p "$cache/pip"
    binds+=("$cache/pip:/root/.cache/pip")
    for name in /etc/resolv.conf /etc/ssl/certs/ca-certificates.crt; do
        [ ! -e "$name" ] || binds+=("$name:$name")
    done
    # shellcheck disable=SC2016
    unshare --mount --propagation private -- bash -euc '
        root=$1 count=$2
        shift 2
        mount -t proc proc "$root/proc"
        mount -t sysfs -o ro sysfs "$root/sys"
        for bind in "${@:1:count}"; do
            from=${bind%%:*} to=$root${bind#*:}
            if [ -d "$from" ]; then
                mkdir -p "$to"
            elif [ ! -e "$to" ]; then
                install -D -m 644 /dev/null "$to"
            fi
            mount --bind "$from" "$to"
        done
        shift "$count"
        exec chroot "$root" "$@"' enter "$root" "${#binds[@]}" "${binds[@]}" \
        /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_RETRIES=10 "${settings[@]}" "$@"
}

# _debootstrap FOLDER SUITE ARCHITECTURE VARIANT PACKAGES: a Debian from this machine's own mirror; from Debian's own if there
# is none, or it fails.
_debootstrap() {
    local folder=$1 suite=$2 architecture=$3 variant=$4 packages=$5 options=() settings mirror
    if [ "$variant" = extract ]; then
        options=(--include='?essential' --skip=check/qemu --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr)
    fi
    settings=$(mktemp)
    # mmdebstrap does not look at the settings of this machine's apt.
    apt-config dump | grep -E '^Acquire::(https?::|Check-|ForceIPv)' >"$settings" || true
    echo 'Acquire::Retries "5";' >>"$settings"
    for mirror in $(_own_mirror) http://deb.debian.org/debian; do
        rm -rf --one-file-system "$folder"
        # A userland that can be made again in minutes need not survive a power cut while it is unpacked.
        if unshare --mount --propagation private -- mmdebstrap --mode=root --variant="$variant" "${options[@]}" \
            --architectures="$architecture" --include="ca-certificates,$packages" \
            --aptopt="$settings" --dpkgopt=force-unsafe-io "$suite" "$folder" "$mirror"; then
            rm "$settings"
            return 0
        fi
    done
    rm "$settings"
    return 1
}

# Where apt here gets Debian from; nothing on Ubuntu, or before the first `apt update`.
_own_mirror() {
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' | awk '$1 == "Debian" && $2 == "Debian" { print $3; exit }'
}

_failed() {
    tail -n 20 "$1" >&2
    say "The userland could not be made; the whole log: $1"
    exit 1
}
