import type { ProfileFormat } from '../profile-schema.ts'
import { canonical } from './canonical.ts'
import type { JsonFormat, TextFormat } from './format.ts'
import { gnmic } from './gnmic.ts'
import { influx } from './influx.ts'
import { telegraf } from './telegraf.ts'
import { zabbix } from './zabbix.ts'

/** By the name that profiles give them. */
export const jsonFormats: Readonly<Record<ProfileFormat, JsonFormat>> = { telegraf, gnmic, zabbix, canonical }

/** In the order in which they are asked whether an object is of them. */
export const jsonFormatsInOrder: readonly JsonFormat[] = [telegraf, gnmic, zabbix, canonical]

/** In the order in which they are asked whether a value is of them. */
export const textFormats: readonly TextFormat[] = [influx]
