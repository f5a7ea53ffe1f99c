# Shared by run.sh and test.sh (sourced): the Debian packages that packages.txt lists, and the build of a preset.

die() {
  echo "error: $*" >&2
  exit 1
}

# Prints the packages of packages.txt that are not installed.
missing_packages() {
  local package
  grep -Ev '^[[:space:]]*(#|$)' packages.txt | while read -r package; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done
}

# Installs what is missing: as root, or by sudo; without either it names the packages and stops.
install_packages() {
  command -v dpkg-query >/dev/null || {
    echo "packages: this is no Debian system; packages.txt names what must be there"
    return 0
  }
  local missing as_root=()
  missing=$(missing_packages)
  if [ -z "$missing" ]; then
    echo "packages: all of packages.txt are installed"
    return 0
  fi
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "these packages are missing, and neither root nor sudo is at hand:" $missing
    as_root=(sudo)
  fi
  echo "packages: installing" $missing
  "${as_root[@]}" apt-get update -q || die "apt-get update failed"
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -q --no-install-recommends $missing ||
    die "apt-get could not install:" $missing
}

# build_preset NAME [CMAKE OPTION ...]: configures and builds build/NAME; ninja shows its progress.
build_preset() {
  local preset=$1
  shift
  echo "build: preset '$preset' in build/$preset"
  mkdir -p build
  cmake --preset "$preset" "$@" >"build/configure-$preset.log" 2>&1 || {
    cat "build/configure-$preset.log" >&2
    die "cmake could not configure the preset '$preset'"
  }
  cmake --build --preset "$preset" || die "the build of the preset '$preset' failed"
}
