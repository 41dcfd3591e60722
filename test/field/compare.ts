import type { FieldDevice } from './network.ts'

/** What was stored of a device against what a person reads off its walk. */
export interface Stored {
  readonly device: string
  readonly signal: string
  readonly instance: string
  readonly value: number
}

export interface Difference {
  readonly device: string
  /** `wrong`: another value. `missing`: the device has it, and it is not stored. `foreign`: stored, and the device has no such reading. */
  readonly what: 'wrong' | 'missing' | 'foreign'
  readonly signal: string
  readonly instance: string
  readonly read: number | undefined
  readonly stored: number | undefined
  /** The row of the walk, where it is of one. */
  readonly from: string
}

export interface Comparison {
  readonly device: string
  /** Readings that are the same. */
  readonly same: number
  readonly differences: readonly Difference[]
}

/** Levels made of mW are stored to four places; everything else to the last digit that a device reports. */
const absolute = 0.0006
const relative = 1e-9

export function compare(device: FieldDevice, stored: readonly Stored[]): Comparison {
  const found = new Map(stored.map(one => [`${one.signal} ${one.instance}`, one.value]))
  const differences: Difference[] = []
  let same = 0
  for (const { signal, instance, value, from } of device.readings) {
    const key = `${signal} ${instance}`
    const other = found.get(key)
    found.delete(key)
    const isSame =
      other !== undefined && Math.abs(other - value) <= Math.max(absolute, relative * Math.abs(value))
    if (isSame) same++
    else
      differences.push({
        device: device.id,
        what: other === undefined ? 'missing' : 'wrong',
        signal,
        instance,
        read: value,
        stored: other,
        from
      })
  }
  for (const [key, value] of found) {
    const [signal = '', ...rest] = key.split(' ')
    differences.push({
      device: device.id,
      what: 'foreign',
      signal,
      instance: rest.join(' '),
      read: undefined,
      stored: value,
      from: ''
    })
  }
  return { device: device.id, same, differences }
}
