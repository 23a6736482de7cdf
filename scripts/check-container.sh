#!/usr/bin/env bash
# check-container.sh [BINARY]: checks the image without a container engine. Its packages exist in Debian; they contain
# every library that the release binary is linked to, and no others; its user is the pod's; the files copied into it
# exist and are not ignored.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/steps.sh

readonly BINARY=${1:-.build-release/release/setpoint}
readonly DEPLOYMENT=manifests/controller/base/deployment.yaml
# Part of every Debian installation: the C library, and the compiler's library that it needs.
readonly ALWAYS_THERE=(libc6 libgcc-s1)
findings=0

finding() {
  printf 'Containerfile: %s\n' "$1"
  findings=$((findings + 1))
}

# Prints one instruction per line, without comments; last_stage prints only those of the last stage.
instructions() { sed -e '/^ *#/d' Containerfile | sed -e ':a' -e '/\\$/N; s/\\\n */ /; ta'; }
last_stage() { instructions | awk '/^FROM /{stage=""} {stage=stage $0 "\n"} END{printf "%s", stage}'; }

# Prints the packages that the given instructions install.
packages() { grep -o 'apt-get install [^&]*' | tr -s ' ' '\n' | grep -v -e '^apt-get$' -e '^install$' -e '^--'; }

# has WORD LIST...: succeeds if the word is in the list.
has() { grep -qxF -- "$1" <<<"$(printf '%s\n' "${@:2}")"; }

# Prints the package that contains a library. Debian's records use either of the two paths of a merged /usr.
owner() {
  local path=$1 real
  real=$(readlink --canonicalize "$path")
  # It prints the names that it knows, and fails for the others.
  { dpkg-query --search "$path" "/usr$path" "$real" "${real#/usr}" 2>/dev/null || true; } | sed -n '1s/[:,].*//p'
}

check_packages() {
  local package
  for package in $(instructions | packages); do
    grep -qE '^ +(Installed|Candidate): [^(]' <<<"$(apt-cache policy "$package")" ||
      finding "Debian $(. /etc/os-release && echo "$VERSION_ID") has no package $package"
  done
}

# Prints the packages and their dependencies, each name once.
installed_with() {
  apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances \
    "$@" | grep -E '^[a-z0-9]' | sed 's/:.*//' | sort -u
}

check_libraries() {
  local library path package named=() needed=() there=()
  mapfile -t named < <(last_stage | packages)
  mapfile -t there < <(installed_with "${named[@]}" "${ALWAYS_THERE[@]}")
  while read -r library path; do
    [ "$path" != not ] || { finding "$library not found on this machine; cannot check it"; continue; }
    package=$(owner "$path")
    has "$package" "${there[@]}" || finding "$library is in ${package:-no package}, which is not installed"
  done < <(ldd "$BINARY" | sed -nE 's/^\s*(\S+) => (\S+).*/\1 \2/p')

  # Direct dependencies of the binary must be listed explicitly.
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
  [ "$user" = "$pod" ] || finding "its user is '$user', but the pod's user in $DEPLOYMENT is '$pod'"
  grep -q "useradd .*--uid ${user%%:*} " <<<"$(last_stage)" ||
    finding "user ${user%%:*} has no name; ssh would refuse to run"
  grep -qx 'ENTRYPOINT \["setpoint"\]' <<<"$(last_stage)" || finding "the entry point is not [\"setpoint\"]"
}

check_copies() {
  local path
  for path in $(instructions | sed -nE 's/^COPY ([^-]\S*) .*/\1/p'); do
    [ -e "$path" ] || finding "$path is copied but does not exist"
    grep -qxF "!$path" .containerignore || finding "$path is copied but ignored by .containerignore"
  done
}

[ -x "$BINARY" ] || fail "no release binary at $BINARY" "scripts/build-release.sh setpoint"
grep -q '^VERSION_CODENAME=bookworm$' /etc/os-release ||
  fail "the image is Debian 12; its packages can be checked only on Debian 12"
check_packages
check_libraries
check_user
check_copies
[ "$findings" -eq 0 ] || exit 1
echo "Containerfile: ok ($(last_stage | packages | wc -l) packages)"
