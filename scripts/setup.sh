# Sourced by the other scripts: makes .venv, installs the package and the missing system libraries,
# and does nothing where that is done already. Works with macOS's bash 3.2.
#
#   set_up fly     what a flight needs
#   set_up test    also the development tools and a virtual X server
#
# A stamp in .venv, written last, says what the environment was made from. Without the right stamp
# (a first run, or changed dependencies) the packages are installed. An interrupted installation may
# have left half a package, which no installer repairs: it starts again from nothing.

set -euo pipefail
trap 'exit 130' INT

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." >/dev/null && pwd -P)
venv=$root/.venv
python=$venv/bin/python

say() { printf 'liveflight: %s\n' "$*" >&2; }

die() {
    say "$*"
    exit 1
}

set_up() {
    local missing
    missing=$(missing_packages "$1")
    if ! up_to_date "$1"; then
        # shellcheck disable=SC2086 # a list of names
        [[ -z $missing ]] || apt_install $missing || true
        environment
        packages "$1"
    elif [[ -n $missing ]]; then
        # No apt-get once set up: a flight must not wait for a network.
        say "missing system packages (Debian's names): $missing"
    fi
}

# --- the environment -------------------------------------------------------------------------

up_to_date() {
    [[ -x $python && -f $venv/.made-for-$1 && $(made_from) == "$(<"$venv/.made-for-$1")" ]]
}

# The folder is part of the stamp because an editable install remembers where it was made, and the
# interpreter because a system upgrade may replace it.
made_from() {
    "$python" -V 2>&1 || true
    printf '%s\n' "$root"
    (cd -- "$root" && cksum pyproject.toml constraints.txt scripts/setup.sh)
}

environment() {
    rm -f "$venv"/.made-for-*
    if [[ -f $venv/.unfinished ]] ||
        ! "$python" -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        new_environment
    fi
    touch "$venv/.unfinished"
}

new_environment() {
    local maker
    if ! maker=$(find_python) && command -v apt-get >/dev/null; then
        apt_install python3-venv || true
    fi
    maker=$(find_python) || die "needs Python 3.11 or newer with its venv module, found $(
        python3 -V 2>/dev/null || echo none)"
    say "making .venv with $("$maker" -V)"
    rm -rf "$venv"
    mkdir "$venv"
    touch "$venv/.unfinished"
    "$maker" -m venv "$venv"
}

find_python() {
    local name
    for name in python3 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$name"
            return
        fi
    done
    return 1
}

packages() {
    local options=()
    # Progress bars only on a terminal.
    [[ -t 2 ]] || options+=(--quiet)
    [[ $1 == fly ]] || options+=(--group dev)
    say "installing the packages into .venv (the first time some 3 GB to fetch, 6 GB on disk)"
    if ! (cd -- "$root" && with_uv ${options[@]+"${options[@]}"}); then
        say "uv failed, trying pip"
        if ! (cd -- "$root" && with_pip ${options[@]+"${options[@]}"}); then
            # An installer that failed by itself leaves no half packages.
            rm -f "$venv/.unfinished"
            die "packages not installed"
        fi
    fi
    [[ $1 != fly ]] || extras ${options[@]+"${options[@]}"}
    rm -f "$venv/.unfinished"
    made_from >"$venv/.made-for-$1"
    # An environment for tests can fly too.
    [[ $1 == fly ]] || cp "$venv/.made-for-$1" "$venv/.made-for-fly"
}

# Controllers and sound. Wheels do not exist everywhere, and a flight works without them.
extras() {
    (cd -- "$root" && "$python" -m pip install --disable-pip-version-check -c constraints.txt \
        -e ".[midi,audio,zeroconf,dmx]" "$@") ||
        say "continuing without MIDI, sound, zeroconf and sACN"
}

# Takes seconds where pip takes minutes.
with_uv() {
    "$python" -m pip install --quiet --disable-pip-version-check -c constraints.txt uv || return
    UV_HTTP_TIMEOUT=${UV_HTTP_TIMEOUT:-120} "$python" -m uv pip install \
        --python "$python" -c constraints.txt -e . "$@"
}

with_pip() {
    # Dependency groups need pip 25.1.
    "$python" -m pip install --quiet --upgrade pip || return
    "$python" -m pip install -c constraints.txt -e . "$@"
}

# --- system packages -------------------------------------------------------------------------

# Each library or program, and the Debian package that contains it. Mesa's packages contain its
# software driver. SDL, which comes with pygame, loads the X11 libraries by name when it makes a
# window, and Xrandr to tell displays apart. PortAudio is the sound input.
gl_and_window='
libEGL.so.1       libegl1
libEGL_mesa.so.0  libegl-mesa0
libGL.so.1        libgl1
libGLX_mesa.so.0  libglx-mesa0
libX11.so.6       libx11-6
libXext.so.6      libxext6
libXrandr.so.2    libxrandr2
libportaudio.so.2 libportaudio2
'
test_tools='
Xvfb     xvfb
xdotool  xdotool
jackd    jackd2
oscsend  liblo-tools
chromium chromium
'
# Without a GPU, steps are fastest with kernels compiled for this processor.
compiler='
cc  gcc libc6-dev
'

missing_packages() {
    local known wanted=$gl_and_window name package missing=()
    # Without such a list, as on macOS, nothing can be reported.
    known=$(/sbin/ldconfig -p 2>/dev/null) || return 0
    [[ $1 == fly ]] || wanted+=$test_tools
    [[ $1 == fly ]] && command -v nvidia-smi >/dev/null || wanted+=$compiler
    while read -r name package; do
        if [[ -n $name && $known != *"$name "* ]] && ! command -v "$name" >/dev/null; then
            missing+=("$package")
        fi
    done <<<"$wanted"
    printf '%s' "${missing[*]-}"
}

# Does not wait for a password where nobody can type one.
apt_install() {
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120)
    if ! command -v apt-get >/dev/null; then
        say "missing system packages (Debian's names): $*"
        return 1
    fi
    if [[ $(id -u) != 0 ]]; then
        if ! command -v sudo >/dev/null || ! { sudo -n true 2>/dev/null || [[ -t 0 ]]; }; then
            say "missing system packages, please run: sudo apt-get install $*"
            return 1
        fi
        apt=(sudo "${apt[@]}")
    fi
    say "installing system packages: $*"
    # Fetch the package lists only if the installation fails without.
    "${apt[@]}" install -y --no-install-recommends "$@" </dev/null >/dev/null 2>&1 ||
        { "${apt[@]}" update >/dev/null &&
            "${apt[@]}" install -y --no-install-recommends "$@" </dev/null >/dev/null; } ||
        { say "apt-get failed, continuing without; try: apt-get install $*" && return 1; }
}
