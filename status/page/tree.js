// @ts-check
/**
 * The network tree: a model that keeps, for every node, how many below it are red, grey and yellow, and a view
 * that draws only the rows that can be seen. So 50,000 nodes cost as much as 50.
 */
import { h, lamp, symbol } from './dom.js'
import { t } from './words.js'

/**
 * @typedef {{ id: string, tier: string, name: string, light: string, sinceMs: number | null, maintenance: boolean,
 *   parent: TreeItem | null, children: TreeItem[], sorted: boolean, level: number,
 *   below: { red: number, grey: number, yellow: number, green: number } }} TreeItem
 */

/** A model of /api/v1/tree. */
export function createModel() {
  /** @type {Map<string, TreeItem>} */
  let items = new Map()
  /** @type {TreeItem[]} */
  let roots = []
  let complete = true

  /** @param {TreeItem | null} from @param {'red' | 'grey' | 'yellow' | 'green'} light @param {number} by */
  const count = (from, light, by) => {
    for (let up = from; up !== null; up = up.parent) up.below[light] += by
  }
  /** @param {any} node */
  const add = node => {
    const parent = items.get(node.parents[0] ?? '') ?? null
    /** @type {TreeItem} */
    const item = {
      id: node.id,
      tier: node.tier,
      name: node.name,
      light: node.effective,
      sinceMs: node.sinceMs,
      maintenance: node.maintenance,
      parent,
      children: [],
      sorted: false,
      level: parent === null ? 1 : parent.level + 1,
      below: { red: 0, grey: 0, yellow: 0, green: 0 }
    }
    items.set(item.id, item)
    if (parent === null) roots.push(item)
    else {
      parent.children.push(item)
      parent.sorted = false
    }
    count(parent, /** @type {any} */ (item.light), 1)
  }

  return {
    /** @param {any} tree  parents before children */
    load(tree) {
      items = new Map()
      roots = []
      complete = tree.complete
      for (const node of tree.nodes) add(node)
    },
    /** Children that the tree left out, from a node's own answer. @param {any} answer */
    loadChildren(answer) {
      for (const child of answer.children) if (!items.has(child.id)) add({ ...child, parents: [answer.id] })
    },
    /** @param {{ node: string, to: string, from: string, atMs: number }} change */
    apply(change) {
      const item = items.get(change.node)
      if (item === undefined) return
      if (item.light !== change.to) {
        count(item.parent, /** @type {any} */ (item.light), -1)
        count(item.parent, /** @type {any} */ (change.to), 1)
        item.light = change.to
        item.sinceMs = change.atMs
      }
    },
    roots: () => roots,
    /** @param {string} id */
    get: id => items.get(id),
    size: () => items.size,
    /** Whether a node without children may have some that were not sent. @param {TreeItem} item */
    mayHaveMore: item => !complete && item.children.length === 0 && item.tier !== 'building',
    counts() {
      const all = { red: 0, grey: 0, yellow: 0, green: 0 }
      for (const item of items.values()) all[/** @type {keyof typeof all} */ (item.light)]++
      return all
    }
  }
}

const collator = new Intl.Collator('ru', { numeric: true })
const rowPx = 34
const sparePx = 340

/**
 * @param {{ tree: any, space: any, empty: any, model: ReturnType<typeof createModel>,
 *   onOpen: (id: string) => void, loadChildren: (id: string) => Promise<void> }} options
 */
export function createTreeView({ tree, space, empty, model, onOpen, loadChildren }) {
  /** @type {Set<string>} */
  const expanded = new Set()
  /** Branches folded by hand while only trouble is shown. @type {Set<string>} */
  const folded = new Set()
  /** @type {TreeItem[]} */
  let rows = []
  let activeId = ''
  let selectedId = ''
  let onlyTrouble = false
  let drawing = 0

  /** @param {TreeItem} item */
  const troubled = item => item.light !== 'green' || item.below.red + item.below.grey + item.below.yellow > 0
  /** @param {TreeItem} item */
  const openable = item => item.children.length > 0 || model.mayHaveMore(item)

  /** When only trouble is shown, the way down to it is open by itself. @param {TreeItem} item */
  const isOpen = item => {
    if (!onlyTrouble) return expanded.has(item.id)
    if (folded.has(item.id)) return false
    return (
      expanded.has(item.id) ||
      ((item.light === 'green' || item.light === 'yellow') && item.children.length > 0)
    )
  }

  /** @param {TreeItem} item */
  const childrenOf = item => {
    if (!item.sorted) {
      item.children.sort((a, b) => collator.compare(a.name, b.name))
      item.sorted = true
    }
    return item.children
  }

  const flatten = () => {
    rows = []
    /** @param {TreeItem[]} items */
    const walk = items => {
      for (const item of items) {
        if (onlyTrouble && !troubled(item)) continue
        rows.push(item)
        if (isOpen(item)) walk(childrenOf(item))
      }
    }
    walk(model.roots())
    if (!rows.some(row => row.id === activeId)) activeId = rows[0]?.id ?? ''
  }

  /** @param {TreeItem} item @param {number} index */
  const row = (item, index) => {
    const open = isOpen(item)
    const below = item.below
    const badges = []
    for (const light of /** @type {const} */ (['red', 'grey', 'yellow'])) {
      if (below[light] > 0) badges.push(h('span.badge', null, lamp(light, 'small'), String(below[light])))
    }
    const element = h(
      'div.row',
      {
        role: 'treeitem',
        id: `tree-${index}`,
        'aria-level': item.level,
        'aria-expanded': openable(item) ? String(open) : null,
        'aria-selected': String(item.id === selectedId),
        'aria-label':
          `${item.name}, ${t(`tier.${item.tier}`)}: ${t(`light.${item.light}`)}` +
          (item.maintenance ? `, ${t('plannedTag')}` : ''),
        'data-id': item.id
      },
      h(
        `span.twist${open ? '.open' : ''}`,
        { 'data-twist': openable(item) ? item.id : null },
        openable(item) ? symbol('chevron') : null
      ),
      lamp(item.light),
      h('span.row-name', null, item.name),
      item.maintenance ? h('span.planned', { title: t('plannedTag') }, symbol('wrench')) : null,
      h('span.badges', null, badges)
    )
    element.style.transform = `translateY(${index * rowPx}px)`
    element.style.setProperty('--level', String(item.level - 1))
    if (item.id === activeId) element.classList.add('active')
    return element
  }

  const draw = () => {
    drawing = 0
    flatten()
    space.style.height = `${rows.length * rowPx}px`
    empty.hidden = rows.length > 0
    tree.hidden = rows.length === 0
    if (rows.length === 0) empty.textContent = model.size() === 0 ? t('loading') : t('nothingWrong')
    paint()
  }
  /** Draws the rows in sight. */
  const paint = () => {
    const first = Math.max(0, Math.floor((tree.scrollTop - sparePx) / rowPx))
    const last = Math.min(rows.length, Math.ceil((tree.scrollTop + tree.clientHeight + sparePx) / rowPx))
    const drawn = []
    for (let index = first; index < last; index++) {
      const item = rows[index]
      if (item !== undefined) drawn.push(row(item, index))
    }
    space.replaceChildren(...drawn)
    const active = rows.findIndex(item => item.id === activeId)
    if (active >= first && active < last) tree.setAttribute('aria-activedescendant', `tree-${active}`)
    else tree.removeAttribute('aria-activedescendant')
  }
  const refresh = () => {
    if (drawing === 0) drawing = window.requestAnimationFrame(draw)
  }

  /** @param {number} index */
  const moveTo = index => {
    const item = rows[Math.max(0, Math.min(rows.length - 1, index))]
    if (item === undefined) return
    activeId = item.id
    const top = rows.indexOf(item) * rowPx
    if (top < tree.scrollTop) tree.scrollTop = top
    else if (top + rowPx > tree.scrollTop + tree.clientHeight)
      tree.scrollTop = top + rowPx - tree.clientHeight
    paint()
  }
  /** @param {TreeItem} item */
  const toggle = async item => {
    if (isOpen(item)) {
      expanded.delete(item.id)
      folded.add(item.id)
    } else {
      expanded.add(item.id)
      folded.delete(item.id)
      if (model.mayHaveMore(item)) await loadChildren(item.id)
    }
    refresh()
  }

  tree.addEventListener('scroll', paint, { passive: true })
  new window.ResizeObserver(paint).observe(tree)
  tree.addEventListener('click', (/** @type {any} */ event) => {
    const twist = event.target.closest('[data-twist]')
    const item = model.get(twist?.dataset.twist ?? event.target.closest('[data-id]')?.dataset.id ?? '')
    if (item === undefined) return
    activeId = item.id
    if (twist !== null) void toggle(item)
    else onOpen(item.id)
  })
  tree.addEventListener('dblclick', (/** @type {any} */ event) => {
    const item = model.get(event.target.closest('[data-id]')?.dataset.id ?? '')
    if (item !== undefined && event.target.closest('[data-twist]') === null) void toggle(item)
  })
  tree.addEventListener('keydown', (/** @type {any} */ event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const at = rows.findIndex(item => item.id === activeId)
    const item = rows[at]
    if (item === undefined) return
    const page = Math.max(1, Math.floor(tree.clientHeight / rowPx) - 1)
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowDown: () => moveTo(at + 1),
      ArrowUp: () => moveTo(at - 1),
      PageDown: () => moveTo(at + page),
      PageUp: () => moveTo(at - page),
      Home: () => moveTo(0),
      End: () => moveTo(rows.length - 1),
      ArrowRight: () => {
        if (openable(item) && !isOpen(item)) void toggle(item)
        else moveTo(at + 1)
      },
      ArrowLeft: () => {
        if (isOpen(item)) void toggle(item)
        else if (item.parent !== null) moveTo(rows.indexOf(item.parent))
      },
      Enter: () => onOpen(item.id),
      ' ': () => onOpen(item.id)
    }
    const act = keys[event.key]
    if (act === undefined) return
    event.preventDefault()
    act()
  })

  return {
    refresh,
    /** The first look: the core and its districts. */
    expandTop() {
      for (const root of model.roots()) expanded.add(root.id)
      refresh()
    },
    /** Shows a node that was opened elsewhere. @param {string} id */
    select(id) {
      selectedId = id
      const item = model.get(id)
      if (item !== undefined) {
        for (let up = item.parent; up !== null; up = up.parent) expanded.add(up.id)
        activeId = id
        draw()
        const top = rows.findIndex(shown => shown.id === id) * rowPx
        if (top >= 0 && (top < tree.scrollTop || top + rowPx > tree.scrollTop + tree.clientHeight)) {
          tree.scrollTop = top - tree.clientHeight / 2
        }
      }
      refresh()
    },
    /** @param {boolean} on */
    setOnlyTrouble(on) {
      onlyTrouble = on
      folded.clear()
      tree.scrollTop = 0
      refresh()
    }
  }
}
