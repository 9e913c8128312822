# Shared steps of ./run and ./test: system packages, build trees, the default model. Sourced by bash with `root` set to
# the checkout. Each step looks first and does nothing where nothing is missing; a failure is one sentence on stderr.

model_dir=${XDG_DATA_HOME:-$HOME/.local/share}/lemma/models
model_file=$model_dir/SmolLM2-135M-Instruct.Q4_1.gguf

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
[ -t 2 ] || say() { printf '%s\n' "$*" >&2; }
die() { printf '%s\n' "$*" >&2; exit 1; }

# as_root COMMAND...: through sudo where we are not root. sudo drops the environment, so the proxy goes along by name.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; return; fi
  local name pass=()
  for name in http_proxy https_proxy ftp_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY SSL_CERT_FILE SSL_CERT_DIR; do
    [ -z "${!name:-}" ] || pass+=("$name=${!name}")
  done
  sudo env "${pass[@]}" "$@"
}

# in_archive NAME...: those of the packages that apt could install.
in_archive() {
  local name
  for name in "$@"; do
    if apt-cache policy "$name" | grep -q '^ *Candidate: [^(]'; then printf '%s\n' "$name"; fi
  done
}

# install_packages LIST...: the packages of these files that are not installed yet, by apt.
install_packages() {
  local name missing=() optional=() wanted have
  wanted=$(sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$@")
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    say "This system has no apt, so nothing is installed: see to the equivalents of the packages in installer/packages-*.txt."
    return
  fi
  # Provided names count too: a virtual package is satisfied by whatever stands in for it.
  have=$(dpkg-query -W -f='${db:Status-Status} ${Package} ${Provides}\n' | sed -n 's/^installed //p' | tr -d ',' | tr ' ' '\n')
  have=$'\n'$have$'\n'
  for name in $wanted; do
    case $name in
      *\?) [[ $have == *$'\n'"${name%\?}"$'\n'* ]] || optional+=("${name%\?}") ;;
      *) [[ $have == *$'\n'"$name"$'\n'* ]] || missing+=("$name") ;;
    esac
  done
  if [ ${#missing[@]} = 0 ]; then
    missing=($(in_archive "${optional[@]}"))
    optional=()
    [ ${#missing[@]} != 0 ] || return 0
  fi
  if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    die "These packages are missing and sudo is not here to install them; as root run: apt-get install ${missing[*]}"
  fi
  local options=(-y -q --no-install-recommends -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
  local ca=${SSL_CERT_FILE:-${CURL_CA_BUNDLE:-${REQUESTS_CA_BUNDLE:-}}}
  [ -z "$ca" ] || options+=(-o "Acquire::https::CaInfo=$ca")
  [ ! -t 1 ] || options+=(-o Dpkg::Progress-Fancy=1)
  say "Installing ${#missing[@]} system packages: ${missing[*]}"
  as_root apt-get "${options[@]}" update || say "apt-get update failed; going on with the package lists that are here."
  missing+=($(in_archive "${optional[@]}"))
  as_root env DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" install "${missing[@]}" ||
    die "apt-get could not install the packages above: see its last lines, then start again; what is installed is kept."
}

# configure PRESET [CMAKE OPTION...]: into build/PRESET; a tree that was configured elsewhere (a moved checkout) is made anew.
configure() {
  local preset=$1 cache=$root/build/$1/CMakeCache.txt log=$root/build/$1.configure.log
  shift
  if [ -f "$cache" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$cache"; then rm -rf "$root/build/$preset"; fi
  mkdir -p "$root/build"
  (cd "$root" && cmake --preset "$preset" "$@") >"$log" 2>&1 ||
    { tail -n 30 "$log" >&2; die "CMake could not configure the preset '$preset': the reason stands above, and whole in $log."; }
}

# build PRESET [TARGET...]: one job a core, but no more than one for each GiB and a half of memory.
build() {
  local preset=$1 jobs memory
  shift
  jobs=$(nproc)
  memory=$(awk '/^MemAvailable/ {print int($2 / 1572864)}' /proc/meminfo 2>/dev/null)
  if [ -n "$memory" ] && [ "$memory" -lt "$jobs" ]; then jobs=$((memory > 1 ? memory : 1)); fi
  cmake --build "$root/build/$preset" -j "$jobs" ${1:+--target "$@"} ||
    die "The build of '$preset' stopped at the first error above; after mending it start again, what is built is kept."
}

# The programs are fresh when a stamp, dated before their last build, is younger than every source and folder of sources.
# The change time is asked for, not the modification time: it cannot be set back, and a deletion shows in its folder.
# The package database is among the things watched, since headers and libraries come from there.
stamp=$root/build/release/.fresh
sources=("$root"/{CMakeLists.txt,CMakePresets.json,kernels,engine,storage,app,ui,resources,installer})
programs=("$root/build/release/bin/lemma" "$root/build/release/bin/lemma-cli")

programs_fresh() {
  local changed watched=("${sources[@]}")
  [ -x "${programs[0]}" ] && [ -x "${programs[1]}" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$root" ] || return 1
  [ ! -e /var/lib/dpkg/status ] || watched+=(/var/lib/dpkg/status)
  changed=$(find "${watched[@]}" -name __pycache__ -prune -o -cnewer "$stamp" -print -quit 2>&1)
  [ -z "$changed" ]
}

# build_programs [CMAKE OPTION...]: the window and lemma-cli, and the stamp.
build_programs() {
  local options=("$@")
  # The tests' options stay as ./test left them; a first ./run needs neither tests nor their libraries.
  if [ $# = 0 ] && [ ! -f "$root/build/release/CMakeCache.txt" ]; then options=(-DLEMMA_TESTS=OFF); fi
  mkdir -p "$root/build"
  printf '%s\n' "$root" >"$root/build/.fresh.new"
  configure release "${options[@]}"
  build release lemma lemma-cli
  mv "$root/build/.fresh.new" "$stamp"
}

# The default model is right when its stamp says so: size and modification time as they were when the hash was taken.
model_ready() {
  local now
  now=$(stat -c '%s %Y' "$model_file" 2>/dev/null) && [ "$now" = "$(cat "$model_file.verified" 2>/dev/null)" ]
}

fetch_model() {
  python3 -B "$root/installer/fetch_model.py" --to "$model_file" || exit 1
}
