#!/usr/bin/env bash
# build-telegraf.sh [FOLDER]: builds Telegraf with the plugins that deploy/telegraf needs and no others, by its Go module.
# Leaves FOLDER/telegraf (by default .cache/telegraf/telegraf). Needs Go; takes some minutes at the first time.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=1.37.2
tags='custom inputs.snmp inputs.snmp_trap inputs.upsd inputs.apcupsd outputs.file outputs.kafka outputs.health serializers.json parsers.json'
tags+=' processors.starlark processors.template'
out=${1:-.cache/telegraf}
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
# Without a tag it would be built with every plugin there is.
go mod init field 2>/dev/null
printf '//go:build tools\n\npackage field\n\nimport _ "github.com/influxdata/telegraf/cmd/telegraf"\n' >tools.go
go get "github.com/influxdata/telegraf@v$version"
CGO_ENABLED=0 go build -mod=mod -trimpath -buildvcs=false -tags "$tags" \
  -ldflags "-X github.com/influxdata/telegraf/internal.Version=$version" \
  -o "$out/telegraf" github.com/influxdata/telegraf/cmd/telegraf
"$out/telegraf" --version
