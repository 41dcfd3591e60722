import { readWalk, upsMibsOf, type Reading, type UpsMib } from './reading.ts'
import { blocksFor, type PollBlock } from './telegraf-files.ts'
import type { Walk } from './walk.ts'

/** A network made of walks: each is a device at a site of its own, in a district and at a feeder of its own, so that no fault explains another. */
export interface FieldDevice {
  readonly id: string
  readonly node: string
  readonly walk: Walk
  readonly role: 'switch' | 'ups' | 'catv'
  readonly upsMib: UpsMib | undefined
  readonly address: string
  readonly blocks: readonly PollBlock[]
  readonly readings: readonly Reading[]
  /** The port that leads to the core, by ifIndex; undefined for what has none. */
  readonly trunk: string | undefined
  /** What the inventory calls that port by, where it calls ports by name; undefined where it goes by ifIndex. */
  readonly trunkName: string | undefined
  /** Class of its optics by the inventory; '' for none. */
  readonly opticClass: string
}

const devicesMax = 250 * 250

/** A device of each walk; two of one whose card answers two MIBs of UPS, since either may be polled. */
export function devicesOf(walks: readonly Walk[]): FieldDevice[] {
  const devices: FieldDevice[] = []
  for (const walk of walks) {
    const mibs = upsMibsOf(walk)
    for (const upsMib of mibs.length === 0 ? [undefined] : mibs)
      devices.push(
        fieldDevice(mibs.length > 1 ? `${walk.name}.${upsMib}` : walk.name, walk, upsMib, devices.length)
      )
  }
  // A part of a walk that says nothing of what is monitored is no device.
  const spoken = devices.filter(({ readings }) => readings.length > 0)
  if (devices.length > devicesMax) throw new Error(`more than ${devicesMax} devices`)
  return spoken
}

/** `isNamed`: the inventory calls its trunk port by the name that the device has for it; `opticClass` is what it says of its optics. */
export function fieldDevice(
  id: string,
  walk: Walk,
  upsMib: UpsMib | undefined,
  number: number,
  isNamed = false,
  opticClass = ''
): FieldDevice {
  const readings = readWalk(walk, upsMib)
  const isCatv = readings.some(({ signal }) => signal.startsWith('catv.'))
  const trunk = upsMib === undefined && !isCatv ? trunkOf(walk, readings) : undefined
  const role = upsMib !== undefined ? 'ups' : isCatv ? 'catv' : 'switch'
  return {
    id,
    node: `site-${id}`,
    walk,
    role,
    upsMib,
    address: `127.1.${1 + Math.floor(number / 250)}.${1 + (number % 250)}`,
    blocks: blocksFor(walk, upsMib),
    readings,
    trunk,
    trunkName: isNamed && trunk !== undefined ? (shortNameOf(walk, trunk) ?? nameOf(walk, trunk)) : undefined,
    opticClass
  }
}

const ethernet = new Set(['6', '117', '62', '69'])

/** A port that is up, one with an optical module that has light if there is any; of several the last, where uplinks are. */
function trunkOf(walk: Walk, readings: readonly Reading[]): string | undefined {
  const up = walk
    .below('1.3.6.1.2.1.2.2.1.8')
    .filter(
      ({ value, index }) =>
        value === '1' && ethernet.has(walk.get(`1.3.6.1.2.1.2.2.1.3.${index}`)?.value ?? '')
    )
    .map(({ index }) => index)
  const lit = readings.filter(({ signal, value }) => signal === 'optics.rx_dbm' && value > -40)
  const isOf = (port: string) =>
    lit.some(
      ({ instance }) =>
        instance === port || instance === nameOf(walk, port) || instance === shortNameOf(walk, port)
    )
  return up.filter(isOf).at(-1) ?? up.at(-1)
}

const nameOf = (walk: Walk, port: string) => walk.get(`1.3.6.1.2.1.2.2.1.2.${port}`)?.value
const shortNameOf = (walk: Walk, port: string) => walk.get(`1.3.6.1.2.1.31.1.1.1.1.${port}`)?.value

/** The optics of the trunk port by the name under which they are reported: its ifIndex, or its name. */
export function opticOfTrunk({ walk, readings, trunk }: FieldDevice): Reading | undefined {
  if (trunk === undefined) return undefined
  const names = [trunk, nameOf(walk, trunk), shortNameOf(walk, trunk)]
  return readings.find(({ signal, instance }) => signal === 'optics.rx_dbm' && names.includes(instance))
}

/** The inventory of these devices, as svetofor.yaml names it; JSON is YAML. */
export function inventoryOf(
  devices: readonly FieldDevice[],
  intervalS: number
): { readonly nodes: readonly unknown[] } {
  return {
    nodes: [
      { id: 'core', tier: 'core', name: 'ЦУ' },
      ...devices.flatMap(device => [
        { id: `district-${device.id}`, tier: 'district', name: `ОУ ${device.id}`, parents: ['core'] },
        {
          id: device.node,
          tier: 'campus',
          name: `КУ ${device.id}`,
          parents: [`district-${device.id}`],
          mains: device.id,
          devices: [
            {
              id: device.id,
              role: device.role,
              identifiers: [device.address],
              interval_s: intervalS,
              ...(device.trunk === undefined
                ? {}
                : {
                    ports: [
                      {
                        instance: device.trunk,
                        role: 'uplink',
                        peer: `district-${device.id}`,
                        name: device.trunkName,
                        optic_class: device.opticClass
                      }
                    ]
                  })
            }
          ]
        }
      ])
    ]
  }
}
