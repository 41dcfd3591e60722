/**
 * The vocabulary of measured quantities. A signal has one fixed unit; profiles convert every source to it.
 * Enumerated signals have one canonical code table of their own, because the same code means different
 * things in different MIBs (3 is "normal" in UPS-MIB and "on battery" in PowerNet).
 */
export type SignalKind = 'gauge' | 'counter' | 'enum'

export interface SignalDef {
  readonly name: string
  readonly kind: SignalKind
  /** Unit of the stored value, as in the name's suffix; '' for enumerations. */
  readonly unit: string
  /** Canonical names and codes of an enumeration. Codes are 0..31 so that a set of them fits one 32-bit mask. */
  readonly codes?: Readonly<Record<string, number>>
  readonly about: string
  /** It is said once, and nobody takes it back: it stands until whom it is about is heard again. */
  readonly isLastWord?: true
}

const gauge = (name: string, unit: string, about: string): SignalDef => ({ name, kind: 'gauge', unit, about })
const counter = (name: string, unit: string, about: string): SignalDef => ({
  name,
  kind: 'counter',
  unit,
  about
})
const enumeration = (name: string, about: string, codes: Record<string, number>): SignalDef => ({
  name,
  kind: 'enum',
  unit: '',
  codes,
  about
})

const lastWord = (name: string, about: string): SignalDef => ({
  ...enumeration(name, about, { no: 0, yes: 1 }),
  isLastWord: true
})

/** Codes of RFC 2863 ifAdminStatus. */
const adminCodes = { up: 1, down: 2, testing: 3 }
/** Codes of RFC 2863 ifOperStatus. */
const operCodes = { up: 1, down: 2, testing: 3, unknown: 4, dormant: 5, notPresent: 6, lowerLayerDown: 7 }
/** RFC 1628 upsOutputSource, extended by the states other makes report (test, sleeping, a bypass by failure). */
const outputSourceCodes = {
  other: 1,
  none: 2,
  normal: 3,
  bypass: 4,
  battery: 5,
  booster: 6,
  reducer: 7,
  test: 8,
  sleeping: 9,
  standby: 10,
  rebooting: 11,
  eco: 12,
  failureBypass: 13
}

/** Well-known alarms of RFC 1628, by their last number in upsWellKnownAlarms; none of a source that always tells the same ones, on or off. */
const upsAlarmCodes = {
  none: 0,
  batteryBad: 1,
  onBattery: 2,
  lowBattery: 3,
  depletedBattery: 4,
  tempBad: 5,
  inputBad: 6,
  outputBad: 7,
  outputOverload: 8,
  onBypass: 9,
  bypassBad: 10,
  outputOffAsRequested: 11,
  upsOffAsRequested: 12,
  chargerFailed: 13,
  outputOff: 14,
  systemOff: 15,
  fanFailure: 16,
  fuseFailure: 17,
  generalFault: 18,
  diagnosticTestFailed: 19,
  communicationsLost: 20,
  awaitingPower: 21,
  shutdownPending: 22,
  shutdownImminent: 23,
  testInProgress: 24
}

/** Of a fan or a power supply. What is not there, or is not plugged in, is no fault: many bays stay empty. */
const partCodes = { normal: 0, warning: 1, failed: 2, absent: 3 }

/** Every signal; a signal's index in this list is its id inside one process and is never stored. */
export const signals: readonly SignalDef[] = [
  enumeration('if.oper_status', 'Operational state of a port', operCodes),
  enumeration('if.admin_status', 'Administrative state of a port', adminCodes),
  counter('if.in_octets', 'B', 'Octets received'),
  counter('if.out_octets', 'B', 'Octets sent'),
  counter('if.in_errors', '1', 'Frames received with errors'),
  counter('if.out_errors', '1', 'Frames not sent because of errors'),
  counter('if.in_discards', '1', 'Frames received and dropped'),
  counter('if.out_discards', '1', 'Frames not sent and dropped'),
  gauge('if.speed_mbps', 'Mb/s', 'Negotiated speed'),
  gauge('if.last_change_s', 's', 'sysUpTime at the last change of state'),
  gauge('optics.rx_dbm', 'dBm', 'Received optical power of a transceiver'),
  gauge('optics.tx_dbm', 'dBm', 'Sent optical power of a transceiver'),
  gauge('optics.temp_c', '°C', 'Temperature of a transceiver'),
  gauge('optics.voltage_v', 'V', 'Supply voltage of a transceiver'),
  gauge('optics.bias_ma', 'mA', 'Laser bias current of a transceiver'),
  gauge('optics.rx_low_alarm_dbm', 'dBm', "The module's own low alarm limit of received power"),
  gauge('optics.rx_low_warn_dbm', 'dBm', "The module's own low warning limit of received power"),
  gauge('optics.rx_high_warn_dbm', 'dBm', "The module's own high warning limit of received power"),
  gauge('optics.rx_high_alarm_dbm', 'dBm', "The module's own high alarm limit of received power"),
  enumeration('optics.rx_state', 'What the switch itself says of received power', {
    normal: 0,
    highAlarm: 1,
    highWarning: 2,
    lowWarning: 3,
    lowAlarm: 4
  }),
  enumeration('ups.output_source', 'Where the output of a UPS comes from', outputSourceCodes),
  enumeration('ups.battery_status', 'State of the battery', {
    unknown: 1,
    normal: 2,
    low: 3,
    depleted: 4,
    fault: 5,
    absent: 6
  }),
  gauge('ups.charge_pct', '%', 'Battery charge left'),
  gauge('ups.runtime_s', 's', 'Estimated time left on battery'),
  gauge('ups.on_battery_s', 's', 'Time spent on battery; 0 when on mains'),
  gauge('ups.input_v', 'V', 'Mains voltage'),
  gauge('ups.battery_v', 'V', 'Battery voltage'),
  gauge('ups.load_pct', '%', 'Load of the output'),
  gauge('ups.temp_c', '°C', 'Temperature of the UPS or its battery'),
  enumeration('ups.replace_battery', 'Whether the UPS asks for a new battery', { no: 0, yes: 1 }),
  enumeration('ups.transfer_cause', 'Why the UPS last went to battery', {
    none: 1,
    highLineVoltage: 2,
    brownout: 3,
    blackout: 4,
    smallMomentarySag: 5,
    deepMomentarySag: 6,
    smallMomentarySpike: 7,
    largeMomentarySpike: 8,
    selfTest: 9,
    rateOfVoltageChange: 10
  }),
  enumeration('ups.test_result', 'How the last self-test went, or that one is under way', {
    pass: 1,
    warning: 2,
    error: 3,
    aborted: 4,
    inProgress: 5,
    none: 6
  }),
  gauge('ups.alarms', '1', 'Alarms present on the UPS'),
  enumeration('ups.comm_status', 'Whether the card still talks to the UPS', { ok: 1, lost: 2 }),
  gauge('catv.input_dbm', 'dBm', 'Optical input of a cable TV receiver'),
  gauge('catv.rf_dbuv', 'dBµV', 'RF output level of a cable TV receiver'),
  gauge('device.uptime_s', 's', 'Time since the device started'),
  enumeration('ups.alarm', 'An alarm that the UPS has at present, a row each', upsAlarmCodes),
  counter('if.in_unicast', '1', 'Unicast frames received'),
  counter('if.out_unicast', '1', 'Unicast frames sent'),
  lastWord('device.dying_gasp', 'Last words of a device that loses its power'),
  lastWord('if.peer_dying_gasp', 'Last words of the device at the other end of a port'),
  enumeration('erps.state', 'State of a ring, as one of its switches sees it', {
    deactivated: 0,
    nonOperational: 1,
    init: 2,
    idle: 3,
    protection: 4
  }),
  enumeration('erps.role', 'Whether the switch holds the blocked link of a ring', {
    none: 0,
    owner: 1,
    neighbor: 2
  }),
  gauge('device.cpu_pct', '%', 'How busy a processor is, over minutes'),
  gauge('device.memory_pct', '%', 'Memory in use'),
  gauge('device.temp_c', '°C', 'Temperature inside a device'),
  enumeration('device.temp_state', 'What a device itself says of its temperature', {
    normal: 0,
    warning: 1,
    critical: 2,
    shutdown: 3,
    absent: 4
  }),
  enumeration('device.fan_state', 'State of a fan', partCodes),
  enumeration('device.psu_state', 'State of a power supply', partCodes)
]

export const signalIds: ReadonlyMap<string, number> = new Map(signals.map((s, id) => [s.name, id]))

/** The canonical name of an enumeration's code, or undefined for a gauge or an unknown code. */
export function codeName(signal: SignalDef, code: number): string | undefined {
  if (signal.codes === undefined) return undefined
  return Object.entries(signal.codes).find(([, value]) => value === code)?.[0]
}
