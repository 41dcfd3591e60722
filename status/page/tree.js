// @ts-check
/** The network tree as it is drawn: only the rows that can be seen. So a million nodes cost as much as fifty. */
import { h, lamp, symbol } from './dom.js'
import { number, t } from './words.js'

/** @import { TreeItem, Level } from './tree-model.js' */
/** @typedef {{ item: TreeItem, level: Level } | { item: null, level: Level }} Row  without an item: what is still to be loaded */

const rowPx = 34
const sparePx = 340
/** Levels in sight are asked for again at most this often (ms). */
const refreshMs = 1500

/**
 * The house number is what a row is looked at for: where there is no room, the street is shortened.
 * @param {string} name
 */
export function nameParts(name) {
  const found = /^(.{4,}?)((?:,|\s)\s*[^\s,]*\d[^,]{0,12})$/.exec(name)
  return found === null ? [name, ''] : [found[1] ?? '', found[2] ?? '']
}

/**
 * @param {{ tree: any, space: any, empty: any, model: ReturnType<typeof import('./tree-model.js').createModel>,
 *   onOpen: (id: string) => void }} options
 */
export function createTreeView({ tree, space, empty, model, onOpen }) {
  /** @type {Set<string>} */
  const expanded = new Set()
  /** Branches folded by hand while only trouble is shown. @type {Set<string>} */
  const folded = new Set()
  /** @type {Row[]} */
  let rows = []
  let activeId = ''
  let selectedId = ''
  let onlyTrouble = false
  let drawing = 0
  let begun = false
  /** @type {any} */
  let refreshing

  /** @param {TreeItem} item */
  const troubledBelow = item => item.below.red + item.below.grey + item.below.yellow > 0
  /** @param {TreeItem} item */
  const openable = item => (onlyTrouble ? troubledBelow(item) : item.children > 0)

  /** When only trouble is shown, the way down to it is open by itself. @param {TreeItem} item */
  const isOpen = item => {
    if (!openable(item)) return false
    if (!onlyTrouble) return expanded.has(item.id)
    if (folded.has(item.id)) return false
    return expanded.has(item.id) || item.light === 'green' || item.light === 'yellow'
  }

  const flatten = () => {
    rows = []
    /** @param {Level} level */
    const walk = level => {
      // What was opened from elsewhere comes first until its page is loaded: behind the loaded ones it would be pushed out of
      // sight by the next page, which is loaded as soon as its place is seen.
      for (const item of level.shown) visit(item, level)
      for (const item of level.items) visit(item, level)
      if (level.total === -1 || level.next !== null) rows.push({ item: null, level })
    }
    /** @param {TreeItem} item @param {Level} level */
    const visit = (item, level) => {
      rows.push({ item, level })
      if (isOpen(item)) walk(model.levelOf(item))
    }
    walk(model.levelOf(null))
    if (!rows.some(row => row.item?.id === activeId)) activeId = rows[0]?.item?.id ?? ''
  }

  /** @param {Level} level @param {number} index */
  const waitingRow = (level, index) => {
    const left = level.total - level.items.length - level.shown.length
    const element = h(
      'div.row.waiting',
      { role: 'treeitem', id: `tree-${index}`, 'aria-level': (level.owner?.level ?? 0) + 1 },
      h('span.row-name', null, level.total === -1 ? t('loading') : t('more', { n: number(left) }))
    )
    place(element, index, level.owner?.level ?? 0)
    return element
  }

  /** @param {any} element @param {number} index @param {number} depth */
  const place = (element, index, depth) => {
    element.style.transform = `translateY(${index * rowPx}px)`
    element.style.setProperty('--level', String(depth))
  }

  /** @param {TreeItem} item @param {number} index */
  const itemRow = (item, index) => {
    const open = isOpen(item)
    const badges = []
    for (const light of /** @type {const} */ (['red', 'grey', 'yellow'])) {
      const count = item.below[light]
      if (count > 0)
        badges.push(
          h(
            'span.badge',
            null,
            h('span.hidden', null, `${t(`light.${light}`)}: `),
            lamp(light, 'small'),
            number(count)
          )
        )
    }
    const [head, tail] = nameParts(item.name)
    const light = `, ${t(`tier.${item.tier}`)}: ${t(`light.${item.light}`)}`
    const element = h(
      'div.row',
      {
        role: 'treeitem',
        id: `tree-${index}`,
        'aria-level': item.level,
        'aria-expanded': openable(item) ? String(open) : null,
        'aria-selected': String(item.id === selectedId),
        title: item.name,
        'data-id': item.id,
        'data-light': item.light
      },
      h(
        `span.twist${open ? '.open' : ''}`,
        { 'data-twist': openable(item) ? item.id : null },
        openable(item) ? symbol('chevron') : null
      ),
      lamp(item.light),
      h(
        'span.row-name',
        null,
        h('span.row-head', null, head),
        tail === '' ? null : h('span.row-tail', null, tail)
      ),
      h('span.hidden', null, light + (item.maintenance ? `, ${t('plannedTag')}` : '')),
      item.maintenance ? h('span.planned', { title: t('plannedTag') }, symbol('wrench')) : null,
      h('span.badges', null, badges)
    )
    place(element, index, item.level - 1)
    if (item.id === activeId) element.classList.add('active')
    return element
  }

  const draw = () => {
    drawing = 0
    flatten()
    space.style.height = `${rows.length * rowPx}px`
    empty.hidden = rows.length > 0
    tree.hidden = rows.length === 0
    if (rows.length === 0) empty.textContent = model.isLoaded() ? t('nothingWrong') : t('loading')
    paint()
  }
  /** Draws the rows in sight, and asks for what is missing or old among them. */
  const paint = () => {
    const first = Math.max(0, Math.floor((tree.scrollTop - sparePx) / rowPx))
    const last = Math.min(rows.length, Math.ceil((tree.scrollTop + tree.clientHeight + sparePx) / rowPx))
    const drawn = []
    let active = -1
    let isOld = false
    for (let index = first; index < last; index++) {
      const row = rows[index]
      if (row === undefined) continue
      if (row.item === null) {
        drawn.push(waitingRow(row.level, index))
        void load(row.level)
      } else {
        drawn.push(itemRow(row.item, index))
        if (row.item.id === activeId) active = index
        isOld ||= model.isOld(row.level)
      }
    }
    space.replaceChildren(...drawn)
    if (active >= 0) tree.setAttribute('aria-activedescendant', `tree-${active}`)
    else tree.removeAttribute('aria-activedescendant')
    if (isOld) refreshing ??= setTimeout(() => void refreshSeen(), refreshMs)
  }
  const refresh = () => {
    if (drawing === 0) drawing = window.requestAnimationFrame(draw)
  }

  /** @param {Level} level */
  const load = async level => {
    if (level.loading !== null) return
    try {
      await (level.total === -1 ? model.refresh(level) : model.more(level))
      refresh()
    } catch {
      // The banner says that the connection is lost; what is drawn next asks again.
    }
  }
  const seen = () => {
    const first = Math.max(0, Math.floor(tree.scrollTop / rowPx))
    const last = Math.ceil((tree.scrollTop + tree.clientHeight) / rowPx)
    return new Set(rows.slice(first, last + 1).map(row => row.level))
  }
  const refreshSeen = async () => {
    const old = [...seen()].filter(level => model.isOld(level) && level.total !== -1)
    // A node above that is gone, or a lost connection: the level above, or what is drawn next, puts it right.
    await Promise.allSettled(old.map(level => model.refresh(level)))
    refreshing = undefined
    refresh()
  }

  /** @param {number} index */
  const moveTo = index => {
    const at = Math.max(0, Math.min(rows.length - 1, index))
    const row = rows[at]
    if (row === undefined) return
    if (row.item !== null) activeId = row.item.id
    const top = at * rowPx
    if (top < tree.scrollTop) tree.scrollTop = top
    else if (top + rowPx > tree.scrollTop + tree.clientHeight)
      tree.scrollTop = top + rowPx - tree.clientHeight
    paint()
  }
  /** @param {string} id */
  const placeOf = id => rows.findIndex(row => row.item?.id === id)
  /** @param {TreeItem} item */
  const toggle = item => {
    if (isOpen(item)) {
      expanded.delete(item.id)
      folded.add(item.id)
    } else {
      expanded.add(item.id)
      folded.delete(item.id)
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
    if (twist !== null) toggle(item)
    else onOpen(item.id)
  })
  tree.addEventListener('dblclick', (/** @type {any} */ event) => {
    const item = model.get(event.target.closest('[data-id]')?.dataset.id ?? '')
    if (item !== undefined && event.target.closest('[data-twist]') === null) toggle(item)
  })
  tree.addEventListener('keydown', (/** @type {any} */ event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const at = placeOf(activeId)
    const item = rows[at]?.item
    if (item === undefined || item === null) return
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
        if (openable(item) && !isOpen(item)) toggle(item)
        else moveTo(at + 1)
      },
      ArrowLeft: () => {
        if (isOpen(item)) toggle(item)
        else if (item.parent !== null) moveTo(placeOf(item.parent.id))
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
    /** Loads what is at the top; the first time, opens it, so that the districts are seen. */
    async begin() {
      await model.refresh(model.levelOf(null))
      if (!begun) for (const item of model.levelOf(null).items.slice(0, 5)) expanded.add(item.id)
      begun = true
      refresh()
    },
    /** Shows a node that was opened elsewhere; '' for none. @param {string} id */
    async select(id) {
      selectedId = id
      if (id === '') return refresh()
      const item = await model.reveal(id).catch(() => null)
      if (item === null || selectedId !== id) return refresh()
      for (let up = item.parent; up !== null; up = up.parent) expanded.add(up.id)
      activeId = id
      draw()
      const top = placeOf(id) * rowPx
      if (top >= 0 && (top < tree.scrollTop || top + rowPx > tree.scrollTop + tree.clientHeight)) {
        tree.scrollTop = top - tree.clientHeight / 2
      }
      refresh()
    },
    /** @param {boolean} on */
    setOnlyTrouble(on) {
      onlyTrouble = on
      folded.clear()
      model.setOnlyTrouble(on)
      tree.scrollTop = 0
      refresh()
    }
  }
}
