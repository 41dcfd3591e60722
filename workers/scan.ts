import type { DecodePolicy } from '../schemas/decode.ts'
import type { MeasurementPlan, ProfileSet } from '../schemas/profile.ts'
import { createCanonicalForm } from './scan-canonical.ts'
import { viewOf } from './scan-bytes.ts'
import { createFieldReader, type FieldReader } from './scan-fields.ts'
import type { Form, Found } from './scan-form.ts'
import { createGnmicForm } from './scan-gnmic.ts'
import { createTelegrafForm } from './scan-telegraf.ts'
import { createZabbixForm } from './scan-zabbix.ts'

/**
 * A scanner for the known formats as their usual writers write them: without blanks, one metric a record. It goes over the
 * fields once and makes no object and no string. Whatever is out of the ordinary (escapes, blanks, other orders, other
 * types, several metrics) it leaves to the reference decoder: it only ever says yes to what that would decode to the
 * very same.
 *
 * Two observations make it cheap. The sequence of a record's field names is one of few (scan-fields.ts). And what names the
 * device and the port are the same bytes in every record of one port, so that stretch as a whole is the key of the port (an
 * *alias*), and is never taken apart again.
 */
export interface Scanner {
  /** Scans bytes[from..to); false leaves the record to the reference decoder. The properties below then mean nothing. */
  scan(bytes: Uint8Array, from: number, to: number, recordTimestampMs: number): boolean
  /** The alias of the record scanned last: aliasBytes[aliasFrom..aliasTo), which may be the record's own bytes. */
  readonly found: Readonly<Found>
  /**
   * Readings of the record scanned last by a measurement, into `fields`; false leaves it to the reference decoder. `nowMs`
   * judges the clock; `isWithoutInstance` says that the alias names none, where a field might.
   */
  read(plan: MeasurementPlan, nowMs: number, isWithoutInstance: boolean): boolean
  readonly fields: FieldReader
  /**
   * Whether the alias scanned last says by itself which measurement, device and instance a record is of, where the reference
   * decoder has found one group, of `plan`, in the record scanned last. Where that cannot be told, a record to ask the
   * reference decoder: the same alias with one plain field, which must give the same. Asked once an alias.
   */
  prove(plan: MeasurementPlan, profiles: ProfileSet, nowMs: number): boolean | Uint8Array
}

const newline = 0x0a

/** Nesting of the deepest format. */
const depthMin = 3

const letter = (text: string): number => text.charCodeAt(0)
const fieldsLetter = letter('f')
const nameLetter = letter('n')
const hostLetter = letter('h')
const arrayLetter = letter('"')

export function createScanner(policy: DecodePolicy): Scanner {
  const fields = createFieldReader(policy)
  const found: Found = {
    aliasBytes: new Uint8Array(0),
    aliasFrom: 0,
    aliasTo: 0,
    rawTime: NaN,
    isTimeMs: false
  }
  const telegraf = createTelegrafForm(fields, found)
  const gnmic = createGnmicForm(fields, found)
  const zabbix = createZabbixForm(fields, found)
  const canonical = createCanonicalForm(fields, found)
  const utf8 = new TextDecoder()
  const isEnabled = policy.depthMax >= depthMin
  let form: Form = telegraf
  // Batches are long, so the view of their bytes is kept from record to record.
  let viewed: Uint8Array = found.aliasBytes
  let view = viewOf(viewed)

  /** By the first letter of the first key: {"fields"…, {"name"…, [{"name"…, {"host"…; else it may be a canonical record. */
  const formOf = (third: number | undefined): Form => {
    if (third === fieldsLetter) return telegraf
    if (third === nameLetter || third === arrayLetter) return gnmic
    return third === hostLetter ? zabbix : canonical
  }

  return {
    found,
    fields,
    scan(bytes, from, to, recordTimestampMs) {
      if (!isEnabled || to - from > policy.valueBytesMax) return false
      if (bytes !== viewed) {
        viewed = bytes
        view = viewOf(bytes)
      }
      form = formOf(bytes[from + 2])
      return form.scan(bytes, view, from, bytes[to - 1] === newline ? to - 1 : to, recordTimestampMs)
    },
    read: (plan, nowMs, isWithoutInstance) =>
      plan.format === form.format &&
      fields.read(plan, found.rawTime, found.isTimeMs, nowMs, isWithoutInstance),
    prove(plan, profiles, nowMs) {
      const alias = utf8.decode(found.aliasBytes.subarray(found.aliasFrom, found.aliasTo))
      const identity = form.identity(alias)
      if (identity === undefined || plan.format !== form.format) return false
      // Where several measurements match the name, the fields decide between them.
      const { exact, wild } = profiles.byName[form.format]
      const candidates =
        (exact.get(identity.name)?.length ?? 0) +
        wild.filter(({ pattern }) => pattern.test(identity.name)).length
      if (candidates !== 1 || identity.tags.some(tag => plan.linkedKeys.has(tag))) return false
      const elsewhere = form.tagsElsewhere ?? []
      if ([...plan.device, ...plan.instance, ...plan.when].some(({ tag }) => elsewhere.includes(tag))) {
        return false
      }
      const field = form.onlyField ?? plan.slots[0]?.field
      // An instance that comes from a field is missing in the probe, unless it is this very field.
      if (field === undefined || plan.instance.some(({ tag }) => tag === field)) return false
      // No field of the record could have named the instance: its measurement, device and instance are the alias's own.
      if (fields.read(plan, found.rawTime, found.isTimeMs, nowMs, true)) return true
      return new TextEncoder().encode(form.compose(alias, field))
    }
  }
}
