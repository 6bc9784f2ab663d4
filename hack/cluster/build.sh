#!/bin/sh
# Builds Kubernetes for the tests into the cache, once per version: 10 to 15 minutes of two cores, and nothing when it is there.
#   hack/cluster/build.sh          the control plane: what the operator's tests need
#   hack/cluster/build.sh addons   DNS, metrics and fake nodes besides
set -eu
cd "$(dirname "$0")"
version=$(awk '$1 == "k8s.io/kubernetes" && $2 ~ /^v/ { print $2; exit }' kubetest/go.mod)
out="${BRAZIER_CACHE:-$HOME/.cache/brazier}/kubernetes-$version/bin"
command -v go >/dev/null || { echo "Go is needed to build Kubernetes: install it (apt-get install golang-go)" >&2; exit 1; }
mkdir -p "$out"
[ -x "$out/kubetest" ] || nice -n 10 sh kubetest/build.sh "$out"
[ "${1:-}" != addons ] || [ -x "$out/addons" ] || nice -n 10 sh addons/build.sh "$out"
echo "$out"
