#!/usr/bin/env bash
# check-container.sh [BINARY]: what can be known about the image without a container engine. Its packages are Debian's;
# the release binary finds every library it is linked to in them, and none is there for nothing; its user is the pod's;
# what is copied into it exists and is not ignored.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/steps.sh

readonly BINARY=${1:-.build-release/release/setpoint}
readonly DEPLOYMENT=manifests/controller/base/deployment.yaml
# On every Debian, whatever else is installed: the C library, and the compiler's library that it needs.
readonly ALWAYS_THERE=(libc6 libgcc-s1)
findings=0

finding() {
  printf 'Containerfile: %s\n' "$1"
  findings=$((findings + 1))
}

# One instruction a line, comments gone; of the last stage when asked.
instructions() { sed -e '/^ *#/d' Containerfile | sed -e ':a' -e '/\\$/N; s/\\\n */ /; ta'; }
last_stage() { instructions | awk '/^FROM /{stage=""} {stage=stage $0 "\n"} END{printf "%s", stage}'; }

# The packages that the given instructions install.
packages() { grep -o 'apt-get install [^&]*' | tr -s ' ' '\n' | grep -v -e '^apt-get$' -e '^install$' -e '^--'; }

# has WORD LIST...: whether the word is in the list.
has() { grep -qxF -- "$1" <<<"$(printf '%s\n' "${@:2}")"; }

# The package that holds a library. Debian's records have either of the two names of a merged /usr.
owner() {
  local path=$1 real
  real=$(readlink --canonicalize "$path")
  # It answers for those that it knows, and fails for the others.
  { dpkg-query --search "$path" "/usr$path" "$real" "${real#/usr}" 2>/dev/null || true; } | sed -n '1s/[:,].*//p'
}

check_packages() {
  local package
  for package in $(instructions | packages); do
    grep -qE '^ +(Installed|Candidate): [^(]' <<<"$(apt-cache policy "$package")" ||
      finding "Debian $(. /etc/os-release && echo "$VERSION_ID") has no package $package"
  done
}

# With what those packages depend on, each name once.
installed_with() {
  apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances \
    "$@" | grep -E '^[a-z0-9]' | sed 's/:.*//' | sort -u
}

check_libraries() {
  local library path package named=() needed=() there=()
  mapfile -t named < <(last_stage | packages)
  mapfile -t there < <(installed_with "${named[@]}" "${ALWAYS_THERE[@]}")
  while read -r library path; do
    [ "$path" != not ] || { finding "this machine has no $library; nothing can be said of it"; continue; }
    package=$(owner "$path")
    has "$package" "${there[@]}" || finding "$library is in ${package:-no package}, which is not installed"
  done < <(ldd "$BINARY" | sed -nE 's/^\s*(\S+) => (\S+).*/\1 \2/p')

  # What the binary itself asks for must be named, not come along with something else.
  for library in $(objdump --private-headers "$BINARY" | sed -n 's/^ *NEEDED *//p'); do
    path=$(ldd "$BINARY" | awk -v name="$library" '$1 == name {print $3} $1 ~ "/" name "$" {print $1}')
    needed+=("$(owner "$path")")
  done
  for package in "${needed[@]}"; do
    has "$package" "${named[@]}" "${ALWAYS_THERE[@]}" || finding "the binary needs $package"
  done
  for package in "${named[@]}"; do
    [[ $package != lib* ]] || has "$package" "${needed[@]}" || finding "nothing needs $package"
  done
}

check_user() {
  local user pod
  user=$(last_stage | sed -n 's/^USER //p')
  pod=$(sed -nE 's/^ *runAs(User|Group): //p' "$DEPLOYMENT" | paste -sd:)
  [ "$user" = "$pod" ] || finding "its user is '$user', the pod's in $DEPLOYMENT is '$pod'"
  grep -q "useradd .*--uid ${user%%:*} " <<<"$(last_stage)" ||
    finding "user ${user%%:*} has no name; ssh would refuse it"
  grep -qx 'ENTRYPOINT \["setpoint"\]' <<<"$(last_stage)" || finding "the entry point is not [\"setpoint\"]"
}

check_copies() {
  local path
  for path in $(instructions | sed -nE 's/^COPY ([^-]\S*) .*/\1/p'); do
    [ -e "$path" ] || finding "$path, which is copied, does not exist"
    grep -qxF "!$path" .containerignore || finding "$path, which is copied, is ignored by .containerignore"
  done
}

[ -x "$BINARY" ] || fail "there is no release binary at $BINARY" "scripts/build-release.sh setpoint"
grep -q '^VERSION_CODENAME=bookworm$' /etc/os-release ||
  fail "the image is Debian 12; only there can its packages be compared with this machine's"
check_packages
check_libraries
check_user
check_copies
[ "$findings" -eq 0 ] || exit 1
echo "Containerfile: ok ($(last_stage | packages | wc -l) packages)"
