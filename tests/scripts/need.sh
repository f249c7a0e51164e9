# Sourced by scripts that use programs of the system.
#
#   need PROGRAM[=PACKAGE] ...   exits unless all of them are there, and names the Debian packages

need() {
  local missing=() wanted
  for wanted in "$@"; do
    command -v "${wanted%%=*}" >/dev/null || missing+=("${wanted%%=*} (Debian package ${wanted#*=})")
  done
  [ ${#missing[@]} = 0 ] || { printf 'missing: %s\n' "${missing[@]}" >&2; exit 1; }
}
