/**
 * Room that was given back (forget.ts), to be taken again: devices one by one, and runs of neighbouring series, in lists by their length. The
 * main thread fills it while nothing is evaluated. Threads take from it under the lock of the table that they insert into: series under that of
 * entities, devices under that of devices. A thread that dies meanwhile costs the rest of the run in its hand, until the lists are made anew.
 */
export interface FreeRoom {
  /** The first of `count` neighbouring series, or -1 where no run is as long. */
  takeSeries(count: number): number
  /** A device, or -1. */
  takeDevice(): number
  seriesCount(): number
  deviceCount(): number
  /** Empties all lists. Only while nothing is evaluated, as what follows. */
  clear(): void
  addSeries(first: number, count: number): void
  addDevice(device: number): void
}

/** Runs this long or longer are in one list: no measurement has so many signals. */
const longest = 256

const freeSeries = 0
const freeDevices = 1
/** By length of their runs: the first series of the first run plus one, 0 for none. */
const heads = 2

export interface FreeRoomMemory {
  readonly header: SharedArrayBuffer
  readonly devices: SharedArrayBuffer
}

export const createFreeRoomMemory = (devicesMax: number): FreeRoomMemory => ({
  header: new SharedArrayBuffer((heads + longest + 1) * 4),
  devices: new SharedArrayBuffer(devicesMax * 4)
})

/** `lengths` and `nexts` hold, at the first series of a run, how long it is and where the next of its list begins plus one; of free series only. */
export function openFreeRoom(memory: FreeRoomMemory, lengths: Int32Array, nexts: Int32Array): FreeRoom {
  const header = new Int32Array(memory.header)
  const devices = new Int32Array(memory.devices)

  const put = (first: number, count: number): void => {
    const list = heads + Math.min(count, longest)
    lengths[first] = count
    nexts[first] = header[list]!
    Atomics.store(header, list, first + 1)
  }

  return {
    takeSeries(count) {
      if (Atomics.load(header, freeSeries) < count) return -1
      for (let length = Math.min(count, longest); length <= longest; length++) {
        const first = header[heads + length]! - 1
        if (first < 0 || lengths[first]! < count) continue
        const room = lengths[first]!
        Atomics.store(header, heads + length, nexts[first]!)
        Atomics.sub(header, freeSeries, count)
        lengths[first] = 0
        nexts[first] = 0
        if (room > count) put(first + count, room - count)
        return first
      }
      return -1
    },
    takeDevice() {
      const count = Atomics.load(header, freeDevices)
      if (count === 0) return -1
      Atomics.store(header, freeDevices, count - 1)
      return devices[count - 1]!
    },
    seriesCount: () => Atomics.load(header, freeSeries),
    deviceCount: () => Atomics.load(header, freeDevices),
    clear: () => void header.fill(0),
    addSeries(first, count) {
      put(first, count)
      Atomics.add(header, freeSeries, count)
    },
    addDevice(device) {
      devices[header[freeDevices]!] = device
      Atomics.add(header, freeDevices, 1)
    }
  }
}
