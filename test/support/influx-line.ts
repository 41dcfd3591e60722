/** A metric as Telegraf holds it before a serializer. */
export interface TelegrafMetric {
  readonly name: string
  readonly tags: Readonly<Record<string, string>>
  readonly fields: Readonly<Record<string, string | number | boolean>>
  readonly timeS: number
}

const key = (text: string): string => text.replaceAll(/[,= ]/g, '\\$&')

function fieldValue(value: string | number | boolean): string {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? `${value}i` : String(value)
  if (typeof value === 'boolean') return String(value)
  const text = value
    .replaceAll(/["\\]/g, '\\$&')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t')
    .replaceAll('\f', '\\f')
  return `"${text}"`
}

/** The line that Telegraf's influx serializer writes. */
export function influxLine({ name, tags, fields, timeS }: TelegrafMetric): string {
  const list = Object.entries(fields).map(([of, value]) => `${key(of)}=${fieldValue(value)}`)
  // Tags without a value are left out, and backslashes at the end of one.
  const tagged = Object.entries(tags)
    .map(([of, value]) => [key(of).replace(/\\+$/, ''), key(value).replace(/\\+$/, '')] as const)
    .filter(([of, value]) => of !== '' && value !== '')
    .map(([of, value]) => `,${of}=${value}`)
  return `${name.replaceAll(/[, ]/g, '\\$&')}${tagged.join('')} ${list.join(',')} ${timeS}000000000\n`
}

/** The line that Telegraf's json serializer writes. */
export function jsonLine({ name, tags, fields, timeS }: TelegrafMetric): string {
  return `${JSON.stringify({ fields, name, tags, timestamp: timeS })}\n`
}
