import Type from 'typebox'

/**
 * Every setting of svetofor.yaml: its type, default, limits and meaning, once. The loader validates by this
 * schema, the environment variables and docs/configuration.md are derived from it.
 *
 * Three keywords of our own mark a leaf:
 * - `path`: a file, relative to the configuration file's folder when it is set there;
 * - `secret`: may be given by environment or file only, and is masked wherever the configuration is printed;
 * - `content`: the text of the file that the neighbouring `…_file` key names; filled by the loader.
 */
const flag = (value: boolean, description: string) => Type.Boolean({ default: value, description })
const integer = (value: number, minimum: number, maximum: number, description: string) =>
  Type.Integer({ default: value, minimum, maximum, description })
const text = (value: string, description: string, more: { minLength?: number; pattern?: string } = {}) =>
  Type.String({ default: value, description, maxLength: 4096, ...more })
const file = (description: string) => Type.String({ default: '', description, maxLength: 4096, path: true })
const fileContent = (description: string) =>
  Type.String({ default: '', description, maxLength: 1_048_576, content: true })
const secret = (description: string) =>
  Type.String({ default: '', description, maxLength: 65_536, secret: true, content: true })
const names = (value: string[], description: string, minItems = 0) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 4096 }), {
    default: value,
    description,
    minItems,
    maxItems: 1000
  })
const files = (description: string) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 4096 }), {
    default: [],
    description,
    maxItems: 1000,
    path: true
  })

const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB
const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

const kafka = Type.Object(
  {
    brokers: names(['127.0.0.1:9092'], 'Brokers to start from, as host:port.', 1),
    client_id: text('svetofor', 'Name the brokers see in their logs and quotas.', { minLength: 1 }),
    group_id: text(
      'svetofor',
      'Consumer group. One daemon runs in a group, or several with `standby`: with others beside it a daemon is not ready, for each would see a part of the network only.',
      { minLength: 1 }
    ),
    group_instance_id: text(
      '',
      'Name of this daemon in its group, so that one that comes back after a crash gets its partitions at once. Empty: made of `client_id`, the name of the host and `status.port`. `none`: no such name, and the group waits `session_timeout_ms` for the one that is gone. For `source: batch` and `node-rdkafka`.',
      { pattern: '^[A-Za-z0-9._-]{0,249}$' }
    ),
    standby: flag(
      false,
      'Whether one daemon of the group reads and judges everything, while others that are set to the same wait for it to go and take over. They must share ClickHouse. For `source: batch`.'
    ),
    topics: names(['telemetry'], 'Topics to read.', 1),
    source: Type.Enum(['batch', 'kafkajs', 'node-rdkafka'], {
      default: 'batch',
      description:
        'Kafka adapter. `batch` moves whole record batches and is the fastest by far; the others are there for brokers it cannot talk to.'
    }),
    tls: Type.Object(
      {
        enabled: flag(false, 'Whether to speak TLS to the brokers.'),
        ca_file: file(
          "PEM file of the authority that signed the brokers' certificates; empty for the system's."
        ),
        ca: fileContent('The same as PEM text.'),
        cert_file: file('PEM file of the client certificate, where the brokers ask for one.'),
        cert: fileContent('The same as PEM text.'),
        key_file: file("PEM file of the client certificate's private key."),
        key: secret('The same as PEM text.'),
        server_name: text('', "Name to expect in the brokers' certificates; empty for the host's own name.")
      },
      { description: 'Encryption of the connections to Kafka.' }
    ),
    sasl: Type.Object(
      {
        mechanism: Type.Enum(['none', 'plain', 'scram-sha-256', 'scram-sha-512'], {
          default: 'none',
          description: 'How to log in at the brokers.'
        }),
        username: text('', 'User name.'),
        password_file: file('File that holds the password; a line break at its end is ignored.'),
        password: secret('The password itself.')
      },
      { description: 'Login at the brokers.' }
    ),
    offset_reset: Type.Enum(['earliest', 'latest'], {
      default: 'earliest',
      description: 'Where to start in a partition that neither ClickHouse nor the group knows a position of.'
    }),
    isolation: Type.Enum(['read_committed', 'read_uncommitted'], {
      default: 'read_committed',
      description: 'Whether records of aborted transactions are left out.'
    }),
    fetch_bytes_max: integer(4 * MiB, 64 * KiB, 512 * MiB, 'Most bytes one fetch from one broker may bring.'),
    fetch_partition_bytes_max: integer(
      1 * MiB,
      16 * KiB,
      512 * MiB,
      'Most bytes one fetch may bring of one partition.'
    ),
    fetch_wait_ms_max: integer(
      500,
      1,
      minute,
      'How long a broker may hold a fetch while there is nothing new. New records are handed over at once.'
    ),
    fetch_gather_ms: integer(
      5,
      0,
      second,
      'Least time between two fetches from one broker while they bring little. More saves CPU, less saves as much time on the way of a record. For `source: batch`.'
    ),
    session_timeout_ms: integer(
      10 * second,
      6 * second,
      30 * minute,
      'How long the group waits for a sign of life before it gives the partitions to others. With `standby` set it to 6000: a standby takes over so long after a crash, and some seconds.'
    ),
    rebalance_timeout_ms: integer(
      minute,
      second,
      30 * minute,
      'How long the group waits for every member to drain and come to a rebalance.'
    ),
    dlq_topic: text(
      'svetofor.dlq',
      'Topic for records that could not be read, with the reason and their place.',
      { minLength: 1 }
    )
  },
  { description: 'Where telemetry comes from.' }
)

const clickhouse = Type.Object(
  {
    url: text('http://127.0.0.1:8123', 'HTTP interface of the server; no user or password in it.', {
      minLength: 1
    }),
    database: text('svetofor', 'Database of all tables.', { pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }),
    username: text('default', 'User name.', { minLength: 1 }),
    password_file: file('File that holds the password; a line break at its end is ignored.'),
    password: secret('The password itself.'),
    rows_max: integer(1_000_000, 1, 10_000_000, 'Most rows of one insert.'),
    flush_ms_max: integer(
      1000,
      10,
      minute,
      'Longest time a sample waits for its insert, when rows_max is not reached before.'
    ),
    inserts_in_flight_max: integer(2, 1, 16, 'Inserts under way at once, each of other partitions.'),
    memory_bytes_max: integer(
      256 * MiB,
      8 * MiB,
      64 * GiB,
      'Most bytes of samples waiting for their insert; at the limit consumption pauses.'
    ),
    request_timeout_ms: integer(30 * second, second, hour, 'Longest time one request may take.'),
    retention_days: integer(
      90,
      1,
      36_500,
      'How long samples are kept, what was known of resources (`resource_states`), and what is usual for series (`baselines`). Descriptions of series (`series`) are kept 60 days longer than samples and rollups.'
    ),
    rollups: flag(true, 'Whether to keep 5-minute and 1-hour rollups of the samples.'),
    rollup_retention_days: integer(730, 1, 36_500, 'How long the rollups are kept.'),
    event_retention_days: integer(
      730,
      2,
      36_500,
      'How long changes of lights, alarms and incidents are kept, by whole months. What has stood open for longer is forgotten at a start until a reading raises it again.'
    )
  },
  { description: 'Where samples and the history of lights, alarms and incidents are stored.' }
)

const workers = Type.Object(
  {
    threads: Type.Union([Type.Literal('auto'), Type.Integer({ minimum: 0, maximum: 64 })], {
      default: 'auto',
      description:
        'Worker threads that decode and judge records; 0 does it on the main thread, `auto` chooses by the number of cores.'
    }),
    task_bytes_max: integer(4 * MiB, 16 * KiB, 256 * MiB, 'Most bytes handed to a worker at once.'),
    task_timeout_ms: integer(
      30 * second,
      100,
      hour,
      'A worker that takes longer for one task is replaced and its task tried again.'
    ),
    series_max: integer(
      8_000_000,
      1000,
      64_000_000,
      'Most series (device, signal, instance) that can be judged; samples of others are stored and counted. Half is kept for devices of the inventory.'
    ),
    devices_max: integer(
      2_000_000,
      100,
      16_000_000,
      'Most devices that can be told apart. Half is kept for devices of the inventory.'
    ),
    unknown_idle_s: integer(
      (10 * minute) / second,
      1,
      (7 * day) / second,
      'Devices that the inventory does not know and that were not heard for so long are forgotten once such devices have used up nine tenths of their half of a table.'
    )
  },
  { description: 'Decoding and judging of records.' }
)

const ingest = Type.Object(
  {
    queue_bytes_max: integer(
      32 * MiB,
      MiB,
      16 * GiB,
      'Most bytes of batches waiting for a worker, all partitions together; at the limit partitions are paused.'
    ),
    partition_queue_bytes_max: integer(
      16 * MiB,
      64 * KiB,
      4 * GiB,
      'Most bytes of batches of one partition waiting for a worker; at the limit it is paused.'
    ),
    drain_ms_max: integer(
      7 * second,
      100,
      10 * minute,
      'How long a partition that is taken away may finish what is in hand; the rest is read again by its new owner. At most 0.8 of `kafka.rebalance_timeout_ms`, with `source: kafkajs` 0.7 of `kafka.session_timeout_ms`.'
    ),
    future_ms_max: integer(
      5 * minute,
      0,
      30 * day,
      'How far ahead of the clock an event time may be; later ones get the time at which Kafka took the record, and are counted.'
    ),
    past_ms_max: integer(
      30 * day,
      minute,
      3650 * day,
      'How old an event time may be; older records go to the dead-letter topic.'
    ),
    value_bytes_max: integer(
      4 * MiB,
      1 * KiB,
      64 * MiB,
      'Longest record value; longer ones go to the dead-letter topic.'
    ),
    depth_max: integer(32, 4, 1000, 'Deepest nesting of a JSON record.'),
    dead_letter_bytes_max: integer(
      64 * KiB,
      0,
      768 * KiB,
      'How much of an unreadable record its dead letter carries.'
    ),
    warm_up_s_max: integer(
      900,
      0,
      86_400,
      'After a start the log before the stored position is judged again without being stored, as far back as the longest count of samples and the longest silence in force, so that they go on where they were; so many seconds of log at most. 0: counts and silence begin anew at each start.'
    ),
    warm_up_records_max: integer(
      5_000_000,
      1000,
      1_000_000_000,
      'Most records that are judged again at a start, of all partitions together.'
    ),
    warm_up_ms_max: integer(
      20 * second,
      second,
      10 * minute,
      'Longest time that may take; then reading goes on, and counts begin anew.'
    )
  },
  { description: 'The way of a record from Kafka to the workers.' }
)

const fileSets = {
  inventory: Type.Object(
    {
      files: files(
        'The network: nodes, devices, ports, addresses, as .yaml, .csv or .ndjson; see docs/inventory.md.'
      )
    },
    { description: 'The network tree.' }
  ),
  profiles: Type.Object(
    {
      shipped: flag(true, 'Whether to use the profiles that come with the program.'),
      files: files('Further profiles: how the records of a source become samples.')
    },
    { description: 'How the records of each source are read.' }
  ),
  rules: Type.Object(
    {
      shipped: flag(true, 'Whether to use the rules that come with the program.'),
      files: files(
        'Further rules; one with `override: true` replaces a rule of the same name. See docs/rules.md.'
      ),
      shadow: files(
        'Rules in place of `rules.files` that are judged beside them without effect, to see what they would do. See docs/rules.md.'
      )
    },
    { description: 'What makes a light yellow or red.' }
  )
}

const status = Type.Object(
  {
    host: text('127.0.0.1', 'Address to listen on. Anything but loopback needs tokens.', { minLength: 1 }),
    port: integer(8080, 0, 65_535, 'Port to listen on; 0 takes a free one.'),
    tokens_file: file(
      'File of bearer tokens, one a line; empty lines and lines starting with # are left out.'
    ),
    tokens: Type.Array(Type.String({ minLength: 16, maxLength: 512, pattern: '^[A-Za-z0-9._~+/=-]+$' }), {
      default: [],
      maxItems: 1000,
      secret: true,
      content: true,
      description: 'Bearer tokens, at least 16 characters each.'
    }),
    allowed_hosts: names(
      [],
      'Names by which a proxy or a browser may call a server without tokens, beside localhost and loopback addresses.'
    ),
    sse_clients_max: integer(200, 1, 100_000, 'Most live streams open at once.'),
    sse_buffer_bytes_max: integer(
      4 * MiB,
      16 * KiB,
      64 * MiB,
      'A live stream that lags by more bytes than this is closed; the page then starts afresh.'
    ),
    request_bytes_max: integer(64 * KiB, KiB, 16 * MiB, 'Longest request body.'),
    request_timeout_ms: integer(10 * second, 100, 10 * minute, 'Longest time a request may take to arrive.')
  },
  { description: 'HTTP: the operator page, the API, metrics and health.' }
)

const alertmanager = Type.Object(
  {
    urls: Type.Array(Type.String({ pattern: '^https?://[^\\s/@?#]+[^\\s@?#]*$', maxLength: 4096 }), {
      default: [],
      maxItems: 10,
      description:
        'Alertmanagers that are told of incidents directly, as http://host:9093: all members of a cluster. Empty: none; then Prometheus tells them by the rules of deploy/prometheus. With addresses here, leave the group `svetofor-incidents` out of those rules, or each incident is told twice.'
    }),
    language: Type.Enum(['ru', 'en'], { default: 'ru', description: 'Language of the texts of alerts.' }),
    resend_s: integer(30, 5, 300, 'How often all that is open is told again.'),
    expire_s: integer(
      900,
      900,
      86_400,
      'How long an alert goes on at Alertmanager when nothing is heard of this daemon: longer than a restart takes, so that nobody is told that all is well meanwhile.'
    )
  },
  { description: 'Alerts of incidents without Prometheus in between, in Russian or English.' }
)

const staleness = Type.Object(
  {
    default_interval_s: integer(
      60,
      1,
      86_400,
      'How often a device is expected to report, where the inventory does not say.'
    ),
    factor: Type.Number({
      default: 3,
      minimum: 1,
      maximum: 100,
      description:
        'A device that has missed this many polls (half an interval of grace for the last) counts as silent.'
    }),
    grace_s: integer(
      120,
      0,
      86_400,
      'After a start or a rebalance nothing counts as silent for this long, so that a backlog can arrive.'
    ),
    late_ms_max: integer(
      10 * second,
      second,
      hour,
      'Data that is later than this (Kafka away, a backlog) is said to be late: lights stay, and silence is not counted until it comes in time again and `grace_s` has passed.'
    ),
    settle_ms: integer(
      500,
      0,
      10 * minute,
      'How long a fault must stand before its incident opens, so that one further up can be seen first. Lights change at once.'
    ),
    power_settle_ms: integer(
      45 * second,
      0,
      10 * minute,
      'The same for buildings that go dark together below a node with a UPS: time for the UPS to say that the mains are lost, so that a power cut is one incident. At least its poll interval and the 15 s its alarm is held.'
    ),
    recover_s: integer(
      300,
      0,
      86_400,
      'When the cause of an incident is over, what it explained has so long to come back; what is still bad then is an incident of its own.'
    ),
    reopen_s: integer(
      900,
      0,
      86_400,
      'A fault that comes again at the same node within this time after its incident was closed continues that incident.'
    ),
    collector_devices_min: integer(
      5,
      1,
      1_000_000,
      'A collector with at least this many devices is judged as one: when it is not heard it counts as silent, and its devices as not known.'
    )
  },
  { description: 'When no data becomes a grey light.' }
)

const log = Type.Object(
  {
    level: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal'], {
      default: 'info',
      description: 'Least important message that is written.'
    }),
    pretty: flag(false, 'Whether to write for a person at a terminal instead of JSON lines.')
  },
  { description: 'The log, on standard output.' }
)

const home = Type.Object(
  {
    cities: names([], 'Names of the home city: left out of addresses, as people do when they say one.')
  },
  { description: 'Where the network is.' }
)

export const configSchema = Type.Object({
  kafka,
  clickhouse,
  workers,
  ingest,
  ...fileSets,
  status,
  alertmanager,
  staleness,
  log,
  home,
  shutdown_ms_max: integer(
    30 * second,
    100,
    10 * minute,
    'Longest time an orderly stop may take: what is in hand is stored, then the group is left.'
  )
})

export type Config = Type.Static<typeof configSchema>
