// @ts-check
/**
 * What is known of the network tree: the levels that were opened, each as far as it was looked at. The server keeps the tree, its
 * lights and the numbers below; what has changed since is asked for again when it is in sight.
 */

/**
 * @typedef {{ id: string, tier: string, name: string, light: string, maintenance: boolean, children: number,
 *   below: { red: number, grey: number, yellow: number }, parent: TreeItem | null, level: number }} TreeItem
 * @typedef {{ owner: TreeItem | null, items: TreeItem[], shown: TreeItem[], total: number, next: string | null, version: number,
 *   loading: Promise<void> | null }} Level  `shown`: opened from elsewhere, and not among the loaded ones yet
 */

const pageItems = 200
const pageItemsMax = 1000

/** @param {(query: Record<string, string | number | boolean>) => Promise<any>} ask  for a page of /api/v1/nodes */
export function createModel(ask) {
  /** By the id of the node above; the top by ''. @type {Map<string, Level>} */
  let levels = new Map()
  /** @type {Map<string, TreeItem>} */
  let items = new Map()
  let onlyTrouble = false
  /** Rises with every change that may have touched what is shown. */
  let version = 0

  /** @param {any} node @param {TreeItem | null} parent @returns {TreeItem} */
  const itemOf = (node, parent) => {
    const item = items.get(node.id) ?? /** @type {TreeItem} */ ({ id: node.id })
    Object.assign(item, {
      tier: node.tier,
      name: node.name,
      light: node.effective,
      maintenance: node.maintenance,
      children: node.children,
      below: node.below,
      parent,
      level: parent === null ? 1 : parent.level + 1
    })
    items.set(item.id, item)
    return item
  }

  /** @param {TreeItem | null} owner @param {string | null} after @param {number} limit */
  const askFor = (owner, after, limit) =>
    ask({
      ...(owner === null ? { top: true } : { parent: owner.id }),
      ...(onlyTrouble ? { trouble: true } : {}),
      ...(after === null ? {} : { after }),
      limit
    })

  /** @param {TreeItem | null} owner @returns {Level} */
  const levelOf = owner => {
    const key = owner?.id ?? ''
    let level = levels.get(key)
    if (level === undefined) {
      level = { owner, items: [], shown: [], total: -1, next: null, version: -1, loading: null }
      levels.set(key, level)
    }
    return level
  }

  /** Loads a level anew, as far as it was loaded. @param {Level} level */
  const refresh = level => {
    level.loading ??= reload(level).finally(() => (level.loading = null))
    return level.loading
  }
  /** @param {Level} level */
  const reload = async level => {
    const asked = { version, levels }
    const wanted = Math.max(pageItems, level.items.length)
    /** @type {any[]} */
    const found = []
    let page
    do {
      page = await askFor(level.owner, page?.next ?? null, Math.min(pageItemsMax, wanted - found.length))
      found.push(...page.items)
    } while (page.next !== null && found.length < wanted)
    if (levels !== asked.levels) return
    const loaded = new Set(found.map(node => node.id))
    level.items = found.map(node => itemOf(node, level.owner))
    level.shown = level.shown.filter(item => !loaded.has(item.id))
    level.total = page.total
    level.next = page.next
    level.version = asked.version
  }

  /** @param {Level} level */
  const nextPage = async level => {
    const asked = levels
    const page = await askFor(level.owner, level.next, pageItems)
    if (levels !== asked) return
    const loaded = new Set(page.items.map((/** @type {any} */ node) => node.id))
    level.items = [...level.items, ...page.items.map((/** @type {any} */ node) => itemOf(node, level.owner))]
    level.shown = level.shown.filter(item => !loaded.has(item.id))
    level.total = page.total
    level.next = page.next
  }

  return {
    refresh,
    /** The next page of a level. @param {Level} level */
    more(level) {
      if (level.next !== null) level.loading ??= nextPage(level).finally(() => (level.loading = null))
      return level.loading
    },
    levelOf,
    /** Makes the way down to a node known; null when it is not in the network. @param {string} id */
    async reveal(id) {
      const { items: way } = await ask({ path: id })
      /** @type {TreeItem | null} */
      let owner = null
      for (const node of way) {
        const level = levelOf(owner)
        if (level.total === -1) await refresh(level)
        const item = itemOf(node, owner)
        if (![...level.items, ...level.shown].includes(item) && !onlyTrouble) level.shown.push(item)
        owner = item
      }
      return owner
    },
    /** @param {{ node: string, to: string }} change */
    apply(change) {
      version++
      const item = items.get(change.node)
      if (item !== undefined) item.light = change.to
    },
    /** Everything may be different now: it is asked for again when it is in sight. */
    age() {
      version++
    },
    /** @param {Level} level */
    isOld: level => level.version !== version,
    /** @param {string} id */
    get: id => items.get(id),
    isLoaded: () => (levels.get('')?.total ?? -1) >= 0,
    /** @param {boolean} on */
    setOnlyTrouble(on) {
      onlyTrouble = on
      levels = new Map()
      items = new Map()
    }
  }
}
