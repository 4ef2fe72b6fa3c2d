#!/usr/bin/env bash
# Makes clients of openapi.yaml and of the ComputeStacks document, as they are, with ogen
# and oapi-codegen in a module of their own, and runs them against the sandbox; the client
# that ogen makes of the ComputeStacks document is only compiled. Prints how many lines they
# have: 163,000 of ogen, half of them decoders of responses, and 42,000 of oapi-codegen for
# openapi.yaml; 114,000 and 33,000 for ComputeStacks. Most of the processor time goes to
# compiling the clients of ogen.
#
#	testdata/clients/run.sh [folder]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

ogen_version=v1.25.0
oapi_version=v2.8.2
validator_version=v0.16.2

root=$PWD
dir=${1:-}
if [ -z "$dir" ]; then
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT
fi
stacks=$root/emulator/internal/computestacks/openapi.yaml
mkdir -p "$dir/oapi" "$dir/oapistacks"
cp testdata/clients/*.yml testdata/clients/*.yaml testdata/clients/*_test.go "$dir"
# The sandbox's own dependencies are those of its go.mod.
sed -e 's|^module .*|module clients|' go.mod >"$dir/go.mod"
cp go.sum "$dir/go.sum"
cd "$dir"
go mod edit -require=skystack.dev/sandbox@v0.0.0 -replace="skystack.dev/sandbox=$root"

# clients makes both clients of a document, in the packages ogen and oapi with a suffix.
clients() {
	# ogen warns of each header whose spelling Go changes.
	if ! go run "github.com/ogen-go/ogen/cmd/ogen@$ogen_version" --config ogen.yml --target "ogen$2" --package "ogen$2" --clean "$1" >ogen.log 2>&1; then
		cat ogen.log >&2
		exit 1
	fi
	sed -E "s/^(package|output): oapi/&$2/" oapi-codegen.yaml >"oapi$2.yaml"
	go run "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@$oapi_version" -config "oapi$2.yaml" "$1"
}
clients "$root/openapi.yaml" ""
clients "$stacks" stacks
go get "github.com/ogen-go/ogen@$ogen_version" >get.log 2>&1 || { cat get.log >&2; exit 1; }
go get "github.com/pb33f/libopenapi-validator@$validator_version" >>get.log 2>&1 || { cat get.log >&2; exit 1; }
go mod tidy >tidy.log 2>&1 || { cat tidy.log >&2; exit 1; }
wc -l ogen*/*.go oapi*/*.go | sed -n 's/ total$/ lines in all/p'
wc -l oapi*/*.go
# The responses that the tests of ComputeStacks get are read by a validator that shares no
# code with the sandbox.
export SKYSTACK_SANDBOX_RESPONSES=$dir/responses.jsonl COMPUTESTACKS_DOCUMENT=$stacks
(cd "$root" && go test -count=1 -vet=off ./emulator/internal/computestacks)
go test -vet=off -tags clients .
