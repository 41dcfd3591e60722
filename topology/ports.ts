import type { InventoryPort } from './model.ts'

/** What a port of the inventory is known by everywhere behind it: its name, which stays when its number moves, or its number where it has none. */
export const portKey = ({ instance, name }: Pick<InventoryPort, 'instance' | 'name'>): string =>
  name ?? instance

/** A name as names are compared: letters' case and blanks make no difference. Long and short forms of a name are two names. */
export const portNameKey = (name: string): string => name.trim().replace(/\s+/g, ' ').toLowerCase()
