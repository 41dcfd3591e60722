import { compileRules } from '../../rules/compile.ts'
import { explainDevice } from '../../rules/explain.ts'
import { noNotes, type Alarm, type RuleNotes } from '../../rules/model.ts'
import { signalIds } from '../../schemas/signals.ts'
import type { IncidentKind, Light, LocalText, Severity, Tier } from '../../schemas/words.ts'
import { lightOfSeverity, lights, tiers } from '../../schemas/words.ts'
import { createIncidentList } from '../../status/engine/incident-list.ts'
import { createNetworkTree } from '../../status/engine/network-tree.ts'
import { compileInventory, inventoryPart } from '../../topology/compile.ts'
import type { Incident, InventoryNode, LightCause } from '../../topology/model.ts'
import { treeIndexInSteps } from '../../topology/tree/index.ts'
import type {
  AddressMatch,
  BatteryRunway,
  HistoryEntry,
  HistoryStore,
  NodeAnswer,
  NodeSummary,
  Freshness,
  Readiness,
  StatusEvent,
  StatusView,
  UnknownDevice
} from '../../status/view.ts'

/** What the fake judges by, where a test asks why. */
const upsNotes: RuleNotes = { labels: { service: 'power' }, runbook: 'https://wiki.example/ups' }
const explainedRules = compileRules([
  {
    file: 'rules.yaml',
    text: `rules:
  - name: optics.rx
    qualifier: low
    kind: optics
    severity: warning
    select: { signal: optics.rx_dbm }
    below: -22
    hysteresis: 1
    hold: { raise_s: 60 }
    text: { ru: Низкий сигнал, en: Low power }
`
  }
])

const shadowCounts = {
  gained: { open: 1, ended: 0 },
  lost: { open: 0, ended: 0 },
  changed: { open: 0, ended: 0 },
  light: { open: 0, ended: 1 }
}

/**
 * A small city that implements the ports of view.ts, for the tests of this folder. It has no rules engine: a test
 * says which node fails and how, and the fake does what the engine would make of it.
 */
export interface FakeCityOptions {
  readonly districts: number
  readonly areasPerDistrict: number
  readonly campusesPerArea: number
  readonly buildingsPerCampus: number
  /** The clock (ms); the fake never reads the wall clock itself. */
  readonly nowMs: () => number
}

export interface FakeView extends StatusView, HistoryStore {
  /** Raises an alarm on the node; everything below turns grey with it as the cause when the light is red. */
  fail(nodeId: string, fault: { kind: IncidentKind; severity: Severity }): void
  clear(nodeId: string): void
  /** As clear: its incident turned out to be part of that one. */
  mergeInto(nodeId: string, incident: string): void
  setMaintenance(nodeId: string, on: boolean): void
  setReadiness(readiness: Readiness): void
  setFreshness(freshness: Freshness): void
  setHistory(entries: readonly HistoryEntry[]): void
  emit(event: StatusEvent): void
  readonly subscribers: () => number
}

const streets = [
  'ул. Тютчева',
  'ул. Садовая',
  'пр-т Мира',
  'ул. Лесная',
  'ул. Гагарина',
  'наб. Речная',
  'ул. Пушкина',
  'пер. Тихий',
  'ул. Победы',
  'б-р Молодёжный',
  'ул. Комсомольская',
  'ул. Чехова'
]
const districtNames = ['Северный', 'Южный', 'Заречный', 'Центральный', 'Восточный', 'Западный']

const faults: Readonly<Record<IncidentKind, { type: string; signal: string; text: LocalText }>> = {
  power: {
    type: 'ups.on_battery',
    signal: 'ups.output_source',
    text: {
      ru: 'Питание от батареи ИБП, сеть 220 В пропала',
      en: 'Running on UPS battery, mains power is lost'
    }
  },
  link: {
    type: 'uplink.down',
    signal: 'if.oper_status',
    text: { ru: 'Порт вышестоящего узла выключился: связи нет', en: "The parent's port went down: no link" }
  },
  optics: {
    type: 'optics.rx_low',
    signal: 'optics.rx_dbm',
    text: { ru: 'Низкий принимаемый оптический сигнал', en: 'Received optical power is low' }
  },
  device: {
    type: 'device.silent',
    signal: 'device.uptime_s',
    text: { ru: 'Коммутатор не отвечает', en: 'The switch does not answer' }
  },
  collector: {
    type: 'collector.silent',
    signal: 'device.uptime_s',
    text: { ru: 'Сборщик телеметрии молчит', en: 'The telemetry collector is silent' }
  },
  ingest: {
    type: 'data.late',
    signal: 'device.uptime_s',
    text: { ru: 'Данные опаздывают', en: 'Data is late' }
  },
  unknown: {
    type: 'node.silent',
    signal: 'device.uptime_s',
    text: { ru: 'Узел молчит, причина неизвестна', en: 'The node is silent, the cause is not known' }
  }
}

const words = (text: string): string[] =>
  text
    .toLowerCase()
    .replaceAll('ё', 'е')
    .split(/[^\p{L}\p{N}]+/u)
    .filter(
      word => word !== '' && !['ул', 'пр', 'т', 'пер', 'наб', 'б', 'р', 'д', 'улица', 'дом'].includes(word)
    )

export function createFakeView(options: FakeCityOptions): FakeView {
  const { nowMs } = options
  const nodes: InventoryNode[] = []
  const byId = new Map<string, InventoryNode>()
  const childrenOf = new Map<string, string[]>()
  const own = new Map<string, Alarm>()
  const clearedAlarms: Alarm[] = []
  const effective = new Map<string, { light: Light; sinceMs: number | null; cause: LightCause }>()
  const incidents = new Map<string, Incident>()
  const maintenance = new Set<string>()
  const listeners = new Set<(event: StatusEvent) => void>()
  const startedMs = nowMs()
  const wordsOf = new Map<string, string[]>()
  let history: readonly HistoryEntry[] = []
  let freshness: Freshness | undefined
  let readiness: Readiness = { ready: true, parts: { state: { ok: true, detail: 'restored' } } }

  const add = (id: string, tier: Tier, name: string, parent: string | null, addresses: string[]): string => {
    const node: InventoryNode = {
      id,
      tier,
      name,
      parents: parent === null ? [] : [parent],
      addresses,
      subscribers: tier === 'building' ? 64 : 0,
      premises: tier === 'building' ? 'apartment' : 'technical',
      maintenance: false
    }
    nodes.push(node)
    for (const address of addresses) wordsOf.set(address, words(address))
    byId.set(id, node)
    if (parent !== null) childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), id])
    effective.set(id, { light: 'green', sinceMs: null, cause: noCause(id) })
    return id
  }
  const core = add('cu-1', 'core', 'ЦУ Тютчева 1', null, ['ул. Тютчева, 1'])
  let house = 0
  for (let d = 1; d <= options.districts; d++) {
    const name = districtNames[(d - 1) % districtNames.length] ?? 'Новый'
    const district = add(`ou-${d}`, 'district', `ОУ ${name}`, core, [])
    for (let a = 1; a <= options.areasPerDistrict; a++) {
      const area = add(`ru-${d}-${a}`, 'area', `РУ ${name} ${a}`, district, [])
      for (let c = 1; c <= options.campusesPerArea; c++) {
        const campus = add(`ku-${d}-${a}-${c}`, 'campus', `КУ ${name} ${a}/${c}`, area, [])
        const street = streets[house % streets.length] ?? ''
        for (let b = 1; b <= options.buildingsPerCampus; b++) {
          const number = Math.floor(house / streets.length) * options.buildingsPerCampus + b + 1
          const address = `${street}, ${number}`
          add(`du-${d}-${a}-${c}-${b}`, 'building', `ДУ ${address}`, campus, [address])
        }
        house++
      }
    }
  }

  function noCause(node: string): LightCause {
    return { by: 'none', node, alarm: '', kind: 'unknown' }
  }
  const emit = (event: StatusEvent): void => {
    for (const listener of listeners) listener(event)
  }
  const below = (id: string): { nodes: number; addresses: number; subscribers: number } => {
    const total = { nodes: 0, addresses: 0, subscribers: 0 }
    const stack = [id]
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const node = byId.get(next)
      total.nodes++
      total.addresses += node?.addresses.length ?? 0
      total.subscribers += node?.subscribers ?? 0
      stack.push(...(childrenOf.get(next) ?? []))
    }
    return total
  }

  /** Recomputes the whole city in order, parents first, and emits what changed. */
  const recompute = (): void => {
    const atMs = nowMs()
    for (const node of nodes) {
      const alarm = own.get(node.id)
      const before = effective.get(node.id)
      let light: Light = alarm === undefined ? 'green' : lightOfSeverity[alarm.severity]
      let cause: LightCause =
        alarm === undefined
          ? noCause(node.id)
          : { by: 'alarm', node: node.id, alarm: alarm.id, kind: alarm.kind }
      const parent = node.parents[0]
      const above = parent === undefined ? undefined : effective.get(parent)
      if (above !== undefined && (above.light === 'red' || above.light === 'grey')) {
        light = 'grey'
        cause = { ...above.cause, by: 'upstream' }
      }
      if (before !== undefined && before.light === light && before.cause.node === cause.node) continue
      effective.set(node.id, { light, sinceMs: atMs, cause })
      const ownLight = alarm === undefined ? 'green' : lightOfSeverity[alarm.severity]
      emit({
        type: 'light',
        atMs,
        data: { node: node.id, from: before?.light ?? 'grey', to: light, own: ownLight, atMs, cause }
      })
    }
  }

  const summary = (node: InventoryNode): NodeSummary => {
    const state = effective.get(node.id)
    const alarm = own.get(node.id)
    return {
      id: node.id,
      tier: node.tier,
      name: node.name,
      own: alarm === undefined ? 'green' : lightOfSeverity[alarm.severity],
      effective: state?.light ?? 'grey',
      sinceMs: state?.sinceMs ?? null,
      maintenance: maintenance.has(node.id)
    }
  }
  const summaryOf = (id: string): NodeSummary[] => {
    const node = byId.get(id)
    return node === undefined ? [] : [summary(node)]
  }

  const inventory = compileInventory([inventoryPart(nodes, [])], 1)
  const lightOf = (index: number): Light => effective.get(inventory.nodeId(index))?.light ?? 'grey'
  const steps = treeIndexInSteps(inventory)
  let step = steps.next()
  while (step.done !== true) step = steps.next()
  const made = step.value
  const tree = createNetworkTree(made, { inventory: () => inventory }, { effective: () => 'green' }, index =>
    summary(byId.get(inventory.nodeId(index))!)
  )
  const listed = createIncidentList([], tree.index)
  listeners.add(tree.hear)
  listeners.add(listed.hear)

  /** A node whose mains are lost has half an hour left. */
  const close = (nodeId: string, more: Pick<Incident, 'mergedInto'> = {}): void => {
    const atMs = nowMs()
    const alarm = own.get(nodeId)
    if (alarm === undefined) return
    own.delete(nodeId)
    const cleared: Alarm = { ...alarm, isCleared: true, changedAtMs: atMs, clearedAtMs: atMs }
    clearedAlarms.push(cleared)
    emit({ type: 'alarm', atMs, data: { alarm: cleared, change: 'cleared', atMs } })
    recompute()
    const open = incidents.get(nodeId)
    if (open === undefined) return
    const incident: Incident = { ...open, closedAtMs: atMs, ...more }
    incidents.set(nodeId, incident)
    emit({ type: 'incident', atMs, data: { incident, change: 'closed', atMs } })
  }

  const runwayOf = (id: string): BatteryRunway | null => {
    const alarm = own.get(id)
    if (alarm?.kind !== 'power') return null
    const at = (min: number): number => alarm.raisedAtMs + min * 60_000
    return {
      node: id,
      nodeName: byId.get(id)?.name ?? id,
      sinceMs: alarm.raisedAtMs,
      dark: { earliestMs: at(20), likelyMs: at(30), latestMs: at(45) },
      falls: below(id),
      isNear: false
    }
  }

  const view: FakeView = {
    fail: (nodeId, fault) => {
      const node = byId.get(nodeId)
      if (node === undefined) throw new Error(`the fake city has no node ${nodeId}`)
      const atMs = nowMs()
      const known = faults[fault.kind]
      const alarm: Alarm = {
        id: `${nodeId}:${known.type}:${atMs}`,
        resource: `${nodeId}-sw1/25`,
        type: known.type,
        qualifier: '',
        node: nodeId,
        device: `${nodeId}-sw1`,
        instance: '25',
        kind: fault.kind,
        severity: fault.severity,
        isCleared: false,
        raisedAtMs: atMs,
        changedAtMs: atMs,
        clearedAtMs: null,
        text: known.text,
        evidence: {
          rule: known.type,
          signal: known.signal,
          value: fault.kind === 'optics' ? -27.4 : 5,
          limit: fault.kind === 'optics' ? -24 : null,
          valueName: fault.kind === 'power' ? 'battery' : null,
          eventTimeMs: atMs,
          coordinates: { topic: 'telemetry', partition: 3, offset: 184_467 }
        }
      }
      own.set(nodeId, alarm)
      emit({ type: 'alarm', atMs, data: { alarm, change: 'raised', atMs } })
      recompute()
      const total = below(nodeId)
      const light = lightOfSeverity[fault.severity]
      const incident: Incident = {
        id: `inc-${nodeId}-${fault.kind}-${atMs}`,
        root: nodeId,
        kind: fault.kind,
        light,
        severity: light === 'red' ? 'critical' : 'warning',
        openedAtMs: atMs,
        closedAtMs: null,
        alarms: [alarm.id],
        affectedNodes: light === 'red' ? total.nodes : 1,
        affectedAddresses: light === 'red' ? total.addresses : node.addresses.length,
        affectedSubscribers: light === 'red' ? total.subscribers : node.subscribers,
        maintenance: maintenance.has(nodeId)
      }
      incidents.set(nodeId, incident)
      emit({ type: 'incident', atMs, data: { incident, change: 'opened', atMs } })
    },
    clear: nodeId => close(nodeId),
    mergeInto: (nodeId, mergedInto) => close(nodeId, { mergedInto }),
    setMaintenance: (nodeId, on) => {
      if (on) maintenance.add(nodeId)
      else maintenance.delete(nodeId)
      const incident = incidents.get(nodeId)
      if (incident !== undefined) {
        const changed = { ...incident, maintenance: on }
        incidents.set(nodeId, changed)
        emit({
          type: 'incident',
          atMs: nowMs(),
          data: { incident: changed, change: 'changed', atMs: nowMs() }
        })
      }
      emit({ type: 'reload', atMs: nowMs(), data: { inventoryVersion: 2 } })
    },
    setFreshness: next => {
      freshness = next
    },
    setReadiness: next => {
      readiness = next
    },
    setHistory: entries => {
      history = entries
    },
    emit,
    subscribers: () => listeners.size - 2,

    lookup: (address, limit) => {
      const asAddress = { by: 'address', understoodAs: null, streets: [] } as const
      const asked = words(address)
      const found: AddressMatch[] = []
      for (const node of nodes) {
        for (const known of node.addresses) {
          const have = wordsOf.get(known) ?? []
          const hits = asked.filter((word, i) =>
            i === asked.length - 1 ? have.some(w => w.startsWith(word)) : have.includes(word)
          ).length
          if (hits === 0) continue
          const exact =
            hits === asked.length && asked.every(word => have.includes(word)) && asked.length === have.length
          const score = exact ? 1 : (0.9 * hits) / Math.max(asked.length, have.length)
          found.push({
            address: known,
            nodeId: node.id,
            tier: node.tier,
            score,
            light: effective.get(node.id)?.light ?? 'grey'
          })
        }
      }
      found.sort((a, b) => b.score - a.score || a.address.localeCompare(b.address, 'ru', { numeric: true }))
      const best = found[0]
      const node = best?.score === 1 ? view.node(best.nodeId) : undefined
      if (best !== undefined && node !== undefined) {
        return { ...asAddress, outcome: 'chosen', query: address, match: { ...best, node }, candidates: [] }
      }
      const outcome = found.length === 0 ? 'no-street' : 'list'
      return { ...asAddress, outcome, query: address, match: null, candidates: found.slice(0, limit) }
    },
    node: (id): NodeAnswer | undefined => {
      const node = byId.get(id)
      if (node === undefined) return undefined
      const state = effective.get(id)
      const cause = state?.cause ?? noCause(id)
      const way: NodeSummary[] = []
      for (let up = node.parents[0]; up !== undefined; up = byId.get(up)?.parents[0])
        way.push(...summaryOf(up))
      const alarm = own.get(id)
      const root = byId.get(cause.node)
      const text = faults[cause.kind].text
      const says: LocalText =
        cause.by === 'none'
          ? { ru: 'Узел работает, замечаний нет.', en: 'The node works, nothing to report.' }
          : cause.by === 'upstream'
            ? {
                ru: `Нет связи: авария выше, на узле ${root?.name ?? ''}. ${text.ru}.`,
                en: `No connection: the failure is upstream, at ${root?.name ?? ''}. ${text.en}.`
              }
            : { ru: `${text.ru}.`, en: `${text.en}.` }
      return {
        ...summary(node),
        node: { ...node, maintenance: maintenance.has(id) },
        cause,
        says,
        wayToCore: way,
        alarms: alarm === undefined ? [] : [alarm],
        incidents: [...incidents.values()].filter(
          i => i.closedAtMs === null && (i.root === id || i.root === cause.node)
        ),
        runway: runwayOf(id),
        devices: [
          {
            id: `${id}-sw1`,
            role: 'switch',
            vendor: node.tier === 'building' || node.tier === 'campus' ? 'D-Link' : 'Huawei',
            model: node.tier === 'building' ? 'DES-3200-28' : 'S5720-28X',
            lastSeenMs: nowMs() - 4_000,
            silent: (state?.light ?? 'grey') === 'grey',
            clockOffsetMs: null
          }
        ],
        children: (childrenOf.get(id) ?? []).slice(0, 100).flatMap(summaryOf),
        childrenTotal: childrenOf.get(id)?.length ?? 0,
        below: below(id)
      }
    },
    runway: incident => {
      const root = [...incidents.values()].find(({ id }) => id === incident)?.root
      return root === undefined ? null : runwayOf(root)
    },
    isNear: () => false,
    nodes: tree.nodes,
    nodesNamed: tree.nodesNamed,
    outline: tree.outline,
    exampleAddress: () => inventory.node(inventory.nodeCount - 1).addresses[0] ?? null,
    nodeCounts: () =>
      tiers.flatMap(tier =>
        lights.map(light => ({
          tier,
          light,
          nodes: nodes.filter((node, index) => node.tier === tier && lightOf(index) === light).length
        }))
      ),
    incidents: listed.page,
    openIncidents: listed.openByKind,
    openOfKind: listed.openOfKind,
    mergedIncidents: listed.merged,
    alarms: filter => {
      const all = [...own.values(), ...clearedAlarms].filter(
        a =>
          (filter.open === undefined || a.isCleared !== filter.open) &&
          (filter.node === undefined || a.node === filter.node)
      )
      return all.slice(0, filter.limit)
    },
    shadow: async ({ limit }) => ({
      state: 'running',
      detail: '',
      files: ['trial.yaml'],
      sinceMs: startedMs,
      samples: 1000,
      dropped: 0,
      byRule: [{ name: 'optics.rx/low', ...shadowCounts }],
      byNode: [{ name: 'cu-1', ...shadowCounts }],
      forgotten: 0,
      items: [
        {
          key: 'sw-1|optics.rx|low',
          change: 'gained' as const,
          node: 'cu-1',
          rule: 'optics.rx/low',
          device: 'sw-1',
          instance: '25',
          is: 'warning' as const,
          was: null,
          fromMs: startedMs,
          toMs: null,
          text: { ru: 'Низкий сигнал', en: 'Low power' }
        },
        {
          key: 'cu-1',
          change: 'light' as const,
          node: 'cu-1',
          rule: '',
          device: '',
          instance: '',
          is: 'yellow' as const,
          was: 'green' as const,
          fromMs: startedMs,
          toMs: startedMs + 1000,
          text: null
        }
      ].slice(0, limit),
      total: 2,
      next: null
    }),
    unknownDevices: (limit): readonly UnknownDevice[] =>
      [
        {
          identifier: '10.77.0.14',
          collector: 'telegraf-2',
          profile: 'if-mib',
          series: 41,
          firstSeenMs: startedMs,
          lastSeenMs: nowMs()
        }
      ].slice(0, limit),
    notesOf: ({ type }) => (type === 'ups.on_battery' ? upsNotes : noNotes),
    incidentNotes: ({ alarms }) => (alarms.some(id => id.includes('ups.on_battery')) ? upsNotes : noNotes),
    devicesFor: id => (byId.has(id) ? [`sw-${id}`] : undefined),
    explain: (id, readings, atMs) =>
      byId.has(id)
        ? {
            id,
            name: byId.get(id)?.name ?? id,
            rules: explainDevice({
              compiled: explainedRules,
              device: `sw-${id}`,
              attributesOf: () => ({
                vendor: '',
                model: '',
                role: 'switch',
                tier: '',
                port: '',
                opticClass: ''
              }),
              series: readings.map(({ signal, instance, last }) => ({
                signal: signalIds.get(signal) ?? -1,
                instance,
                last
              })),
              standingOf: () => undefined,
              nowMs: atMs
            }),
            devices: [
              {
                id: `sw-${id}`,
                lastHeardMs: atMs - 5000,
                intervalMs: 60_000,
                limitMs: 200_000,
                isSilent: false,
                clockOffsetMs: -7_200_000
              }
            ]
          }
        : undefined,
    subscribe: listener => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    readiness: () => readiness,
    freshness: () => freshness ?? { asOfMs: nowMs(), lateMs: 0 },
    latestReadings: devices =>
      Promise.resolve(
        devices.map(device => ({
          device,
          signal: 'optics.rx_dbm',
          instance: '25',
          last: {
            value: -17.5,
            timeMs: nowMs() - 40_000,
            coordinates: { topic: 'telemetry', partition: 3, offset: 42 }
          }
        }))
      ),
    nodeHistory: async (nodeId, fromMs, toMs, limit) =>
      history.filter(e => e.atMs >= fromMs && e.atMs < toMs && byId.has(nodeId)).slice(0, limit)
  }
  return view
}
