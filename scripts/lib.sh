# Sourced by the scripts beside it: where things are, and how to get the tools they need.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
target=${CARGO_TARGET_DIR:-$root/target}
case $target in /*) ;; *) target=$root/$target ;; esac

say() { printf '==> %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# Installs Debian or Ubuntu packages; elsewhere says what is missing.
apt_install() {
  local sudo=
  if [ "$(id -u)" != 0 ]; then sudo=sudo; fi
  if ! have apt-get || { [ -n "$sudo" ] && ! have sudo; }; then
    die "this needs $*, and cannot install packages here: install them yourself and run it again"
  fi
  say "installing $*"
  $sudo apt-get update -qq >&2
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# A C compiler builds the bundled SQLite; rustup fetches the toolchain that rust-toolchain.toml names.
ensure_rust() {
  have cc || apt_install build-essential
  have cargo || PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
  have cargo && return
  have curl || apt_install ca-certificates curl
  say "installing Rust with rustup (https://rustup.rs)"
  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
    sh -s -- -y --no-modify-path --profile minimal --default-toolchain none >&2 ||
    die "could not install Rust: see https://rustup.rs, then run this again"
}

# Fails where the tool cannot be had. Building one takes minutes, once.
ensure_cargo_tool() {
  local tool=$1 version=$2
  have "$tool" && return
  say "installing $tool $version, once; this takes a few minutes"
  cargo install --quiet --locked "$tool@$version" >&2 || return
  PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
}

# nextest comes built from its project, in seconds; where that cannot be reached it is compiled.
ensure_nextest() {
  local version=0.9.143 bin=${CARGO_HOME:-$HOME/.cargo}/bin platform
  have cargo-nextest && return
  case $(uname -sm) in
  'Linux x86_64') platform=linux ;;
  'Linux aarch64') platform=linux-arm ;;
  Darwin*) platform=mac ;;
  esac
  if [ -n "${platform:-}" ] && have curl; then
    say "fetching cargo-nextest $version (https://nexte.st)"
    mkdir -p "$bin"
    curl --proto '=https' --tlsv1.2 -LsSf --max-time 120 "https://get.nexte.st/$version/$platform" |
      tar -xzf - -C "$bin" 2>/dev/null && PATH=$bin:$PATH && return
  fi
  ensure_cargo_tool cargo-nextest "$version"
}

# Debian's own, or whatever is there; the packages say in package.json how new it must be.
ensure_node() {
  if ! have node || ! have npm; then apt_install nodejs npm; fi
  node -e 'process.exit(process.versions.node.split(".")[0] >= 18 ? 0 : 1)' ||
    die "this needs Node.js 18 or newer, and this is $(node --version): see https://nodejs.org"
}

# Installs the packages that the lockfile in a directory names, unless they are there.
ensure_npm_packages() {
  local directory=$1
  [ "$directory/node_modules/.package-lock.json" -nt "$directory/package-lock.json" ] && return
  ensure_node
  say "installing the packages from npm of ${directory#"$root"/}"
  (cd "$directory" && npm ci --no-audit --no-fund --loglevel=error) >&2
  touch "$directory/node_modules/.package-lock.json"
}

# A virtual environment of Python with these packages: kept between runs, and made again when the list has changed.
ensure_venv() {
  local venv=$1
  shift
  # One that was moved names the place where it was.
  if [ "$(cat "$venv/packages" 2>/dev/null)" = "$*" ] && "$venv/bin/pip" --version >/dev/null 2>&1; then return; fi
  python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv
  say "installing $1 into ${venv#"$root"/}"
  rm -rf "$venv"
  mkdir -p "$(dirname "$venv")"
  python3 -m venv "$venv" >&2
  "$venv/bin/pip" install --quiet --disable-pip-version-check "$@" >&2 || return
  echo "$*" >"$venv/packages"
}

# What the generated clients in tests/clients are made and run with.
ensure_clients() {
  local clients=$root/tests/clients
  ensure_npm_packages "$clients/typescript"
  # shellcheck disable=SC2046 # One word is one package.
  ensure_venv "$clients/python/.venv" $(cat "$clients/python/requirements.txt") ||
    die "could not install the packages of ${clients#"$root"/}/python"
}

# The gateway carries playground/dist in itself; built again when a source is newer.
ensure_playground() {
  local built=$root/playground/dist/index.html
  if [ -f "$built" ] && [ -z "$(find "$root/playground" \
    \( -name node_modules -o -name dist \) -prune -o -type f -newer "$built" -print)" ]; then
    return
  fi
  ensure_npm_packages "$root/playground"
  say "building the playground"
  (cd "$root/playground" && npm run --silent build) >&2
}

# Sets bin to the directory of PostgreSQL's programs, the newest that are installed.
ensure_postgres() {
  find_postgres && return
  apt_install postgresql
  find_postgres || die "the installed PostgreSQL is older than $oldest_postgres: install a newer one"
}

oldest_postgres=14
find_postgres() {
  local dir version best=0
  bin=
  for dir in "$(pg_config --bindir 2>/dev/null)" "$(dirname "$(command -v initdb || echo /none/initdb)")" \
    /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin; do
    [ -x "$dir/initdb" ] && [ -x "$dir/pg_ctl" ] || continue
    version=$("$dir/postgres" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
    if [ "$version" -ge "$oldest_postgres" ] && [ "$version" -gt "$best" ]; then
      best=$version
      bin=$dir
    fi
  done
  [ -n "$bin" ]
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# PostgreSQL and PgBouncer refuse to run as root: root starts them as another user. Sets server_user.
server_user() {
  for server_user in postgres timestore-test; do
    if id "$server_user" >/dev/null 2>&1; then return; fi
  done
  say "adding the system user $server_user"
  useradd --system --no-create-home --shell /usr/sbin/nologin "$server_user"
}

as_server() (
  cd /
  if [ "$(id -u)" != 0 ]; then
    exec "$@"
  fi
  server_user
  exec runuser -u "$server_user" -- "$@"
)
