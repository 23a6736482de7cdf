# Sourced by the install scripts: one line a step, with the seconds since the script began.
#
#   step "installing vLLM"      say what starts now
#   fail "python3 is missing" "apt-get install python3"
#                               say what is wrong and what to run, and end with status 1

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
