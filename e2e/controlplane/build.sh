#!/usr/bin/env bash
# Builds the programs of the test bench and prints the directory they are in. The control plane is built once for each
# set of versions and kept in ~/.cache/longhaul; the bench's own programs are built when their sources change.
#   build.sh [--with-kueue]
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
say() { printf 'longhaul: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

command -v go >/dev/null || fail "the test bench needs Go 1.26 or newer (https://go.dev/dl): it builds Kubernetes from source."
cd "$here"
go_version=$(go env GOVERSION) || fail "Go 1.26 or newer is needed, see https://go.dev/dl."
# One set of flags for builds and tests, so that they share Go's build cache.
export CGO_ENABLED=0 GOFLAGS="${GOFLAGS:-} -trimpath"

module_version() { sed -n "s|^\t$1 \(v[^ ]*\).*|\1|p" "$2" | head -1; }
kubernetes=$(module_version k8s.io/kubernetes go.mod)
key=$({ printf '%s\n' "$go_version"; cat go.mod go.sum cmd/controlplane/main.go; } | sha256sum | cut -c1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/longhaul/controlplane/$kubernetes-$key
bin=${LONGHAUL_CONTROLPLANE_BIN:-$here/../../target/controlplane}
mkdir -p "$cache" "$bin"
bin=$(cd "$bin" && pwd)

# build MODULE-DIRECTORY PACKAGE PROGRAM [FLAGS]: into the cache, at once or not at all.
build() {
  [ -x "$cache/$3" ] && return
  (cd "$1" && go build -ldflags "-s -w ${4:-}" -o "$cache/$3.new" "$2")
  mv "$cache/$3.new" "$cache/$3"
}
# manifests MODULE-DIRECTORY MODULE NAME: the definitions and webhooks that the module publishes.
manifests() {
  local from; from=$(cd "$1" && go list -m -f '{{.Dir}}' "$2")/config/components
  rm -rf "${cache:?}/manifests/$3"; mkdir -p "$cache/manifests/$3/crd"
  cp "$from"/crd/bases/*.yaml "$cache/manifests/$3/crd/"
  cp "$from/webhook/manifests.yaml" "$cache/manifests/$3/webhooks.yaml"
  chmod -R u+w "$cache/manifests/$3"
}

(
  flock 9
  if [ ! -x "$cache/jobset" ] || [ ! -x "$cache/controlplane" ]; then
    say "building Kubernetes $kubernetes from source, once: about 8 minutes on 2 cores"
  fi
  IFS=. read -r major minor _ <<<"${kubernetes#v}"
  version=k8s.io/component-base/version
  build . ./cmd/controlplane controlplane "-X $version.gitVersion=$kubernetes -X $version.gitMajor=$major -X $version.gitMinor=$minor"
  build . sigs.k8s.io/jobset jobset
  [ -d "$cache/manifests/jobset" ] || manifests . sigs.k8s.io/jobset jobset
  if [ "${1:-}" = --with-kueue ]; then
    kueue=$(module_version sigs.k8s.io/kueue kueue/go.mod)
    [ -x "$cache/kueue" ] || say "building Kueue $kueue from source, once: about 5 minutes on 2 cores"
    build kueue sigs.k8s.io/kueue/cmd/kueue kueue
    [ -d "$cache/manifests/kueue" ] || manifests kueue sigs.k8s.io/kueue kueue
  fi
  printf %s "$kubernetes" >"$cache/version"
) 9>"$cache/.lock"

go build -o "$bin/" ./cmd/bench ./cmd/podinit
for file in controlplane jobset kueue manifests version; do
  [ -e "$cache/$file" ] && ln -sfn "$cache/$file" "$bin/$file"
done
printf '%s\n' "$bin"
