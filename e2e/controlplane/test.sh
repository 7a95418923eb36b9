#!/usr/bin/env bash
# Tests of the bench itself: the pure parts, then a whole cluster. Ends with `N passed, N failed, N skipped`.
set -uo pipefail
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
cd "$here"
LONGHAUL_CONTROLPLANE_BIN=$("$here/build.sh" --with-kueue) || exit 1
export LONGHAUL_CONTROLPLANE_BIN CGO_ENABLED=0 GOFLAGS="${GOFLAGS:-} -trimpath"
out=$(mktemp)
trap 'rm -f "$out"' EXIT
status=0
go test -count=1 -vet=off -v ./kubelet ./cluster 2>&1 | tee "$out" || status=1
go test -count=1 -vet=off -v -timeout 15m -tags cluster ./check 2>&1 | tee -a "$out" || status=1
count() { grep -c "^--- $1" "$out"; }
printf '%d passed, %d failed, %d skipped\n' "$(count PASS)" "$(count FAIL)" "$(count SKIP)"
exit $status
