import { createHash } from 'node:crypto'

/** Names of alarms: made from what they are about, so that every instance and every replay names them alike. */

export const resourceName = (device: string, instance: string): string =>
  instance === '' ? device : `${device}/${instance}`

/** 16 hex digits from the key and the time it was raised at. */
export function alarmId(
  key: { readonly resource: string; readonly type: string; readonly qualifier: string },
  raisedAtMs: number
): string {
  return createHash('sha256')
    .update(`${key.resource}\0${key.type}\0${key.qualifier}\0${raisedAtMs}`)
    .digest('hex')
    .slice(0, 16)
}
