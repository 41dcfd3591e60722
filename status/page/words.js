// @ts-check
/** Every word the page says, in both languages, and how it writes numbers and times. */

/** @typedef {'ru' | 'en'} Language */

const texts = {
  ru: {
    name: 'Светофор',
    skip: 'К адресу',
    askLabel: 'Что с домом?',
    askPlaceholder: 'Улица и дом, например: {address}',
    askPlaceholderShort: 'Улица и дом',
    askButton: 'Узнать',
    suggestions: 'Похожие адреса',
    filterKind: 'Причина',
    filterTier: 'Уровень узла',
    filterDistrict: 'Округ',
    help: 'Клавиши',
    close: 'Закрыть',
    incidents: 'Открытые аварии',
    network: 'Сеть',
    onlyTrouble: 'Только неисправное',
    nothingWrong: 'Неисправных узлов нет.',
    noIncidents: 'Аварий нет.',
    noSuchIncidents: 'Таких аварий нет.',
    incidentFilters: 'Отбор аварий',
    filter: { kind: 'Все причины', tier: 'Все уровни', under: 'Все округа' },
    overview: 'Сеть сейчас',
    overviewNodes: { one: '{n} узел', few: '{n} узла', many: '{n} узлов', other: '{n} узла' },
    live: 'Данные в реальном времени',
    connecting: 'Подключение…',
    stale: 'Связь с сервером потеряна. Показано состояние на {time}. Переподключение…',
    late: 'Данные опаздывают на {by}: показано состояние сети на {time}.',
    starting: 'Светофор запускается: состояние сети восстанавливается…',
    failed: 'Запрос не удался: {detail}',
    light: { green: 'Норма', yellow: 'Внимание', red: 'Авария', grey: 'Нет данных' },
    tier: { core: 'ЦУ', district: 'ОУ', area: 'РУ', campus: 'КУ', building: 'ДУ' },
    tierLong: {
      core: 'Центральный узел',
      district: 'Окружные узлы',
      area: 'Районные узлы',
      campus: 'Кампусные узлы',
      building: 'Домовые узлы'
    },
    kind: {
      power: 'Электропитание',
      link: 'Линия связи',
      optics: 'Оптический сигнал',
      device: 'Оборудование',
      collector: 'Сбор данных',
      ingest: 'Поступление данных',
      unknown: 'Не установлена'
    },
    severity: { critical: 'критично', major: 'серьёзно', minor: 'незначительно', warning: 'предупреждение' },
    cutOff: 'Нет связи',
    since: 'С какого времени',
    why: 'Причина',
    affected: 'Затронуто',
    battery: 'Батарея',
    onBatterySince: 'работает от неё с',
    darkAbout: 'погаснет около',
    darkThen: '; без связи тогда',
    darkUnknown: 'на сколько хватит батареи, неизвестно',
    planned: 'Плановые работы',
    plannedYes: 'Да, работы на узле',
    plannedNo: 'Нет',
    plannedTag: 'Плановые работы',
    noCause: '—',
    upstream: '{kind}: авария выше, {node}',
    at: '{kind}: {node}',
    silence: 'Узел молчит',
    nodes: { one: '{n} узел', few: '{n} узла', many: '{n} узлов', other: '{n} узла' },
    addresses: { one: '{n} адрес', few: '{n} адреса', many: '{n} адресов', other: '{n} адреса' },
    subscribers: { one: '{n} абонент', few: '{n} абонента', many: '{n} абонентов', other: '{n} абонента' },
    connected: 'Подключено',
    way: 'Путь к центру',
    thisNode: 'этот узел',
    alarms: 'Тревоги узла',
    evidence: 'Основание',
    runbook: 'Что делать',
    rule: 'Правило',
    signal: 'Сигнал',
    value: 'Значение',
    limit: 'порог {limit}',
    eventTime: 'Время события',
    record: 'Запись Kafka',
    recordOf: 'тема {topic}, раздел {partition}, смещение {offset}',
    noRecord: 'нет: узел молчит',
    devices: 'Оборудование',
    lastSeen: 'данные {ago} назад',
    never: 'данных не было',
    silent: 'молчит',
    clockAhead: 'часы спешат на {by}',
    clockBehind: 'часы отстают на {by}',
    children: 'Ниже этого узла',
    more: 'и ещё {n}',
    history: 'История за сутки',
    historyShow: 'Показать историю за сутки',
    historyEmpty: 'За сутки изменений не было.',
    historyChange: {
      raised: 'поднята',
      cleared: 'снята',
      changed: 'изменена',
      opened: 'открыта',
      closed: 'закрыта'
    },
    historyAlarm: 'Тревога',
    historyIncident: 'Авария',
    loading: 'Загрузка…',
    choose: 'Уточните дом',
    chooseText: 'Подходит несколько домов или дом назван не полностью:',
    noHouseText: 'Такого дома нет. На улице ({streets}) есть:',
    noStreetText: 'Такой улицы нет. Похожие: {streets}.',
    understoodAs: 'Понято как «{address}»',
    notFound: 'Такого адреса нет',
    notFoundText: 'Похожих адресов не нашлось. Проверьте улицу и номер дома.',
    nodeGone: 'Такого узла нет',
    back: 'К сводке',
    other: 'English',
    tokenTitle: 'Нужен токен',
    tokenText: 'Этот Светофор отвечает только тем, у кого есть токен. Его даёт администратор.',
    tokenLabel: 'Токен',
    tokenKeep: 'Помнить на этом компьютере',
    tokenWrong: 'Этот токен не подошёл.',
    tokenButton: 'Войти',
    keys: [
      ['/', 'к адресу'],
      ['↑ ↓', 'по подсказкам, по дереву'],
      ['← →', 'свернуть и раскрыть ветвь'],
      ['Enter', 'узнать; открыть узел'],
      ['I', 'к авариям'],
      ['T', 'к дереву сети'],
      ['F', 'только неисправное'],
      ['L', 'English'],
      ['Esc', 'очистить, к сводке'],
      ['?', 'эта подсказка']
    ],
    units: { d: 'д', h: 'ч', min: 'мин', s: 'с' },
    ago: '{time} назад'
  },
  en: {
    name: 'Svetofor',
    skip: 'To the address',
    askLabel: 'What is wrong at this address?',
    askPlaceholder: 'Street and house, for example: {address}',
    askPlaceholderShort: 'Street and house',
    askButton: 'Look up',
    suggestions: 'Similar addresses',
    filterKind: 'Cause',
    filterTier: 'Tier of the node',
    filterDistrict: 'District',
    help: 'Keys',
    close: 'Close',
    incidents: 'Open incidents',
    network: 'Network',
    onlyTrouble: 'Only trouble',
    nothingWrong: 'No node is in trouble.',
    noIncidents: 'No incidents.',
    noSuchIncidents: 'There are no such incidents.',
    incidentFilters: 'Filter incidents',
    filter: { kind: 'All causes', tier: 'All tiers', under: 'All districts' },
    overview: 'The network now',
    overviewNodes: { one: '{n} node', other: '{n} nodes' },
    live: 'Live data',
    connecting: 'Connecting…',
    stale: 'The connection to the server is lost. Shown is the state at {time}. Reconnecting…',
    late: 'Data is late by {by}: shown is the state of the network at {time}.',
    starting: 'Svetofor is starting: the state of the network is being restored…',
    failed: 'The request failed: {detail}',
    light: { green: 'OK', yellow: 'Attention', red: 'Failure', grey: 'No data' },
    tier: { core: 'core', district: 'district', area: 'area', campus: 'campus', building: 'building' },
    tierLong: {
      core: 'Core',
      district: 'District nodes',
      area: 'Area nodes',
      campus: 'Campus nodes',
      building: 'Building nodes'
    },
    kind: {
      power: 'Power',
      link: 'Link',
      optics: 'Optical signal',
      device: 'Equipment',
      collector: 'Data collection',
      ingest: 'Data intake',
      unknown: 'Not known'
    },
    severity: { critical: 'critical', major: 'major', minor: 'minor', warning: 'warning' },
    cutOff: 'No connection',
    since: 'Since when',
    why: 'Cause',
    affected: 'Affected',
    battery: 'Battery',
    onBatterySince: 'in use since',
    darkAbout: 'goes dark about',
    darkThen: '; then without service',
    darkUnknown: 'how long the battery lasts is not known',
    planned: 'Planned work',
    plannedYes: 'Yes, work on the node',
    plannedNo: 'No',
    plannedTag: 'Planned work',
    noCause: '—',
    upstream: '{kind}: failure upstream, {node}',
    at: '{kind}: {node}',
    silence: 'The node is silent',
    nodes: { one: '{n} node', other: '{n} nodes' },
    addresses: { one: '{n} address', other: '{n} addresses' },
    subscribers: { one: '{n} subscriber', other: '{n} subscribers' },
    connected: 'Connected',
    way: 'Way to the core',
    thisNode: 'this node',
    alarms: 'Alarms of the node',
    evidence: 'Evidence',
    runbook: 'What to do',
    rule: 'Rule',
    signal: 'Signal',
    value: 'Value',
    limit: 'limit {limit}',
    eventTime: 'Event time',
    record: 'Kafka record',
    recordOf: 'topic {topic}, partition {partition}, offset {offset}',
    noRecord: 'none: the node is silent',
    devices: 'Devices',
    lastSeen: 'data {ago} ago',
    never: 'no data seen',
    silent: 'silent',
    clockAhead: 'clock ahead by {by}',
    clockBehind: 'clock behind by {by}',
    children: 'Below this node',
    more: 'and {n} more',
    history: 'Last 24 hours',
    historyShow: 'Show the last 24 hours',
    historyEmpty: 'Nothing changed in 24 hours.',
    historyChange: {
      raised: 'raised',
      cleared: 'cleared',
      changed: 'changed',
      opened: 'opened',
      closed: 'closed'
    },
    historyAlarm: 'Alarm',
    historyIncident: 'Incident',
    loading: 'Loading…',
    choose: 'Which building?',
    chooseText: 'Several buildings fit, or one was not named in full:',
    noHouseText: 'There is no such house. The street ({streets}) has:',
    noStreetText: 'There is no such street. Near: {streets}.',
    understoodAs: 'Understood as “{address}”',
    notFound: 'No such address',
    notFoundText: 'No address is like this one. Check the street and the house number.',
    nodeGone: 'There is no such node',
    back: 'To the overview',
    other: 'Русский',
    tokenTitle: 'A token is needed',
    tokenText: 'This Svetofor answers only those who have a token. Your administrator gives it.',
    tokenLabel: 'Token',
    tokenKeep: 'Remember on this computer',
    tokenWrong: 'This token was refused.',
    tokenButton: 'Enter',
    keys: [
      ['/', 'to the address'],
      ['↑ ↓', 'through suggestions and the tree'],
      ['← →', 'fold and unfold a branch'],
      ['Enter', 'look up; open a node'],
      ['I', 'to the incidents'],
      ['T', 'to the network tree'],
      ['F', 'only trouble'],
      ['L', 'Русский'],
      ['Esc', 'clear, to the overview'],
      ['?', 'this help']
    ],
    units: { d: 'd', h: 'h', min: 'min', s: 's' },
    ago: '{time} ago'
  }
}

/** @type {Language} */
let language = stored() ?? preferred()

/** The first of the browser's languages that the page speaks. @returns {Language} */
function preferred() {
  const asked = [...navigator.languages, navigator.language].map(tag => tag.slice(0, 2).toLowerCase())
  return asked.find(tag => tag === 'ru' || tag === 'en') === 'ru' ? 'ru' : 'en'
}

function stored() {
  const value = localStorage.getItem('svetofor.language')
  return value === 'ru' || value === 'en' ? value : null
}

export const current = () => language

/** @param {Language} next */
export function choose(next) {
  language = next
  localStorage.setItem('svetofor.language', next)
}

/**
 * The text of a key, with `{name}` filled in.
 * @param {string} key  dotted, such as `light.red`
 * @param {Record<string, string | number>} [values]
 * @returns {any}
 */
export function t(key, values = {}) {
  /** @type {any} */
  let found = texts[language]
  for (const step of key.split('.')) found = found?.[step]
  if (found === undefined) return key
  return typeof found === 'string' ? fill(found, values) : found
}

/** Making one of these takes longer than a row of a list: each is made once for a language. @type {Map<string, any>} */
const made = new Map()
/** @template T @param {string} key @param {() => T} make @returns {T} */
function once(key, make) {
  const whole = `${language} ${key}`
  if (!made.has(whole)) made.set(whole, make())
  return made.get(whole)
}
const plurals = () => once('plurals', () => new Intl.PluralRules(language))
const numbers = () => once('numbers', () => new Intl.NumberFormat(language, { maximumFractionDigits: 2 }))
/** @param {boolean} today @param {boolean} withSeconds */
const clockOf = (today, withSeconds) =>
  once(
    `clock ${today} ${withSeconds}`,
    () =>
      new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : 'ru', {
        ...(today ? {} : { day: 'numeric', month: 'short' }),
        hour: '2-digit',
        minute: '2-digit',
        ...(withSeconds ? { second: '2-digit' } : {})
      })
  )

/**
 * "5 узлов", "1 узел": the form of a counted noun.
 * @param {string} key
 * @param {number} n
 */
export function counted(key, n) {
  const forms = t(key)
  const form = forms[plurals().select(n)] ?? forms.other
  return fill(form, { n: number(n) })
}

/** @param {string} text @param {Record<string, string | number>} values */
function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole))
}

/** @param {number} n */
export function number(n) {
  return numbers().format(n)
}

/** Clock time, with the date when it is not today. @param {number} atMs */
export function clock(atMs, withSeconds = false) {
  const at = new Date(atMs)
  const today = new Date().toDateString() === at.toDateString()
  return clockOf(today, withSeconds).format(at)
}

/** "1 ч 12 мин": two units at most. @param {number} forMs */
export function duration(forMs) {
  const s = Math.max(0, Math.floor(forMs / 1000))
  const u = t('units')
  if (s < 60) return `${s} ${u.s}`
  if (s < 3600) return `${Math.floor(s / 60)} ${u.min}`
  if (s < 86400) return `${Math.floor(s / 3600)} ${u.h} ${Math.floor((s % 3600) / 60)} ${u.min}`
  return `${Math.floor(s / 86400)} ${u.d} ${Math.floor((s % 86400) / 3600)} ${u.h}`
}
