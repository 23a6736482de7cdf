# Sourced by the install scripts. Prints one line per step, with the seconds since the start of the script.
#
#   step "installing vLLM"      print what starts now
#   fail "python3 is missing" "apt-get install python3"
#                               print the problem and the command to run, and exit with 1

step() {
  printf '[%4ds] %s\n' "$SECONDS" "$*"
}

fail() {
  printf 'error: %s\n' "$1" >&2
  shift
  local advice
  for advice in "$@"; do
    printf '       %s\n' "$advice" >&2
  done
  exit 1
}
