#!/bin/sh
# Run once by docker-compose.yml: a token for the daemon's API and passwords, into a volume that only its
# services see. What is there stays, so that a restart changes nothing.
set -eu
umask 022
random() { head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
make() { [ -s "/run/svetofor/$1" ] || random >"/run/svetofor/$1"; }

make token
make clickhouse
make grafana-clickhouse
make grafana-admin

# Grafana reads and nothing else; ClickHouse keeps the hash of its password.
hash=$(sha256sum /run/svetofor/grafana-clickhouse | cut -d' ' -f1)
cat >/run/clickhouse-users/grafana.xml <<XML
<clickhouse>
  <profiles>
    <grafana>
      <readonly>2</readonly>
      <max_execution_time>60</max_execution_time>
      <max_memory_usage>2000000000</max_memory_usage>
    </grafana>
  </profiles>
  <users>
    <grafana>
      <password_sha256_hex>$hash</password_sha256_hex>
      <networks><ip>::/0</ip></networks>
      <profile>grafana</profile>
      <quota>default</quota>
      <grants>
        <query>GRANT SELECT ON svetofor.*</query>
        <query>GRANT SELECT ON system.parts</query>
        <query>GRANT SELECT ON system.parts_columns</query>
      </grants>
    </grafana>
  </users>
</clickhouse>
XML
