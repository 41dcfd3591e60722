#!/usr/bin/env bash
# build-telegraf.sh [FOLDER]: builds Telegraf with the plugins that deploy/telegraf needs and no others, from its Go module.
# Leaves FOLDER/telegraf (by default .cache/telegraf/telegraf). Needs Go; takes minutes at the first time.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=v1.37.2
out=${1:-.cache/telegraf}
mkdir -p "$out"
out=$(cd "$out" && pwd)
tags=(custom agents inputs.snmp inputs.upsd inputs.apcupsd outputs.kafka outputs.health serializers.json parsers.json processors.template)
source=$(go mod download -json "github.com/influxdata/telegraf@$version" | sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p')
[ -d "$source" ] || { echo "the module of Telegraf $version could not be had" >&2; exit 1; }
cd "$source"
CGO_ENABLED=0 go build -mod=mod -trimpath -tags "${tags[*]}" -o "$out/telegraf" ./cmd/telegraf
"$out/telegraf" --version
