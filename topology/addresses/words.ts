import { distance } from './spelling.ts'
import { soundsOf } from './transliteration.ts'

/**
 * What the words around a name mean: kinds of street, marks of towns, of houses and of what stands behind a house. A
 * form that stands for several things is listed under each, and what stands around it decides.
 */

/** What a mark says of the number or letter beside it. */
export type Mark =
  | 'house'
  | 'ownership'
  | 'plot'
  | 'corpus'
  | 'building'
  | 'liter'
  | 'structure'
  | 'wing'
  | 'block'
  | 'fraction'
  /** Flat, entrance, floor, entry code: the number belongs to what is behind the door. */
  | 'inside'
  /** Telephone, contract, hours: all numbers up to the next comma are none of the address. */
  | 'tail'

export interface WordRole {
  /** Canonical kinds of street it may stand for: `пр` is проспект or проезд. */
  types?: string[]
  mark?: Mark
  isTown?: true
  isRegion?: true
  /** Says nothing of the place: "на", "интернета", "нет". */
  isNoise?: true
  /** Rank or first name, which people leave out: "академика", "Максима". */
  isTitle?: true
  /** Names what is in the house: the words behind it up to a comma are its name. */
  isThing?: true
}

const roles = new Map<string, WordRole>()

function list(forms: string, set: (role: WordRole) => void): void {
  for (const form of forms.split(' ')) {
    let role = roles.get(form)
    if (role === undefined) roles.set(form, (role = {}))
    set(role)
  }
}

const typeForms: Readonly<Record<string, string>> = {
  улица: 'ул улица улице улицу улицы улицей улиц ул-ца',
  проспект: 'пр-т пр-кт просп прос проспект проспекте проспекту проспекта пр прт пркт',
  проезд: 'пр-д пр-зд проезд проезде проезду проезда пр прд',
  переулок: 'пер переулок переулке переулку переулка пер-к п-к',
  площадь: 'пл площадь площади пл-дь',
  шоссе: 'ш шоссе шос',
  набережная: 'наб набережная набережной набережную наб-я',
  бульвар: 'б-р бул бульв бульвар бульваре бульвару бульвара бр',
  аллея: 'ал аллея аллее аллею аллеи',
  тупик: 'туп тупик тупике тупику тупика',
  линия: 'лин линия линии линию',
  микрорайон: 'мкр мкрн мкр-н м-н микрорайон микрорайоне микрорайона мк-н мр-н мик-н',
  квартал: 'кв-л кварт квартал квартале квартала кв',
  тракт: 'тракт тракте тракта тр-т',
  спуск: 'спуск спуске спуска',
  дорога: 'дорога дороге дорогу дор',
  территория: 'тер территория тер-я'
}
for (const [type, forms] of Object.entries(typeForms)) list(forms, role => (role.types ??= []).push(type))

/** Kinds that hold streets of their own, so that an address may name both. */
export const areaTypes: ReadonlySet<string> = new Set(['микрорайон', 'квартал', 'территория'])

/** One letter that may as well be an initial, a size or a house's letter. */
export const weakTypes: ReadonlyMap<string, string> = new Map([
  ['п', 'переулок'],
  ['б', 'бульвар'],
  ['л', 'линия'],
  ['а', 'аллея'],
  ['у', 'улица']
])

list(
  'г гор город города городе пос поселок поселке поселка пгт рп село селе села деревня деревне деревню деревни дер станица станице ст-ца хутор хуторе аул снт днт тсн днп ст кп с д п х дп с/т',
  role => (role.isTown = true)
)
list(
  'обл область области край края респ республика р-н район района районе округ го мо сельсовет с/с с/п вн округа',
  role => (role.isRegion = true)
)

const marks: Readonly<Record<Mark, string>> = {
  house: 'дом дома доме дому д домовладение двлд дмвл здание зд',
  ownership: 'владение вл влад владении влд',
  plot: 'участок участке уч уч-к зу з/у',
  corpus: 'корпус корпусе корпуса корп кор к крп корпуc',
  building: 'строение строении строения стр строен с стро',
  liter: 'литера литеры литер литерой лит буква',
  structure: 'сооружение сооружения соор сооруж',
  wing: 'флигель фл флиг',
  block: 'блок бл',
  fraction: 'дробь дроб др',
  inside:
    'квартира квартире квартиры квартиру кв кв-ра оф офис офисе помещение помещ пом комната комн ком каб кабинет апартаменты апарт ап подъезд подьезд подъезде под п пд парадная парадной пар этаж этаже эт секция секц домофон домоф дмф код ключ вход калитка бокс гараж нп порт кладовая',
  tail: 'тел телефон т моб сот лс лицевой счет договор дог заявка заявке абонент инцидент контракт контакт логин id после до часов время uid инн'
}
for (const [mark, forms] of Object.entries(marks)) list(forms, role => (role.mark = mark as Mark))

list(
  'на в во по у о об из от возле около рядом напротив россия рф и это я мы адрес адресу адреса здравствуйте здрасьте добрый день вечер утро алло але девушка пожалуйста подскажите скажите живу живем проживаю звоню звонят нет не интернет интернета интернетом света связи телевидение работает работают пропал пропала пропали отсутствует отключили отключен отключена плохо тормозит медленно телевизор телевизоры телевидения тв кабельное каналы канал каналов роутер сигнал сигнала скорость сеть сети связь свет опять снова сегодня вчера позавчера вообще никто ничего никак перебои обрыв зависает рвется глючит включите почините мастера мастер ремонт подключение подключить соединение приветствую привет хочу узнать можно могу будет когда почему будьте добры пожалуйста какой какая ждем ждать давно постоянно который которая находимся нахожусь находится расположен адрес-то дворе со двора угловой ряд цоколь подвал чердак есть ли у нас меня вас там тут где что со номер угол им имени го ый ой ая ое я й ул-це пожаловаться авария аварии сообщают жалоба жалобы весь целый всем всему уже час часа второй-день день',
  role => (role.isNoise = true)
)
list('номер', role => (role.isNoise = true))

list(
  'академика акад ак маршала марш генерала ген адмирала адм капитана кап лейтенанта лейт полковника майора сержанта героя героев героини комиссара космонавта космонавтки летчика профессора проф доктора д-ра художника композитора писателя поэта архитектора конструктора инженера партизана партизанки революционера князя святого св атамана графа командарма комдива комбрига наркома сестер братьев бр зодчего врача хирурга',
  role => (role.isTitle = true)
)
list(
  'александра алексея анатолия шота давида лазаря захара лаврентия назара тимофея трофима ярослава демьяна кузьмы матвея мирона прохора савелия эдуарда рихарда салавата габдуллы глеба вероники андрея антона анны бориса богдана валентина валентины валерия василия веры виктора виталия владимира всеволода вячеслава галины георгия григория дмитрия евгения евгении екатерины елены елизаветы ефима зои ивана игоря иосифа ильи инессы константина кирилла клары лизы льва леонида любови любы лидии макара максима марии марины марата михаила мусы надежды натальи николая олега олеко ольги павла петра павлика романа розы сергея семена софьи степана тамары татьяны тараса ульяны федора феликса юлиуса юрия якова яна эрнста германа фридриха карла юлии саши',
  role => (role.isTitle = true)
)
list(
  'магазин маг школа детсад садик аптека кафе бар салон парикмахерская тц трц бц жк ооо ип ао зао пао тсж жск гск банк офисный торговый-центр библиотека поликлиника больница гостиница отель общежитие общ дк почта здание-школы ресторан склад завод контора абон фио клиент контактное бизнес-центр',
  role => (role.isThing = true)
)

const sizes = new Map(
  'большая большой большое больш бол:б малая малый малое мал:м верхняя верхний верхнее верх верхн:в нижняя нижний нижнее ниж нижн:н новая новый новое нов:н старая старый старое стар:с средняя средний среднее сред:с красная красный красн:к'
    .replace(/(\S+):(\S)/g, '$1:$2')
    .split(' ')
    .map(form => [form.split(':')[0] ?? '', true] as const)
)

/** Words that tell one street from another of the same name: they are never made up nor overlooked. */
export const isSize = (word: string): boolean => sizes.has(word)

const shortenings: Readonly<Record<string, string>> = {
  бол: 'больш',
  больш: 'больш',
  мал: 'мал',
  верх: 'верхн',
  верхн: 'верхн',
  ниж: 'нижн',
  нижн: 'нижн',
  нов: 'нов',
  стар: 'стар',
  сред: 'средн',
  красн: 'красн',
  кр: 'красн',
  ак: 'академик',
  акад: 'академик',
  ген: 'генерал',
  марш: 'маршал',
  адм: 'адмирал',
  проф: 'профессор',
  бр: 'брать',
  кап: 'капитан',
  лейт: 'лейтенант',
  комс: 'комсомольск',
  окт: 'октябрьск',
  сов: 'советск',
  интер: 'интернациональн'
}

/** The beginning of the word that a shortening stands for: "бол" → "больш"; '' for what is none. */
export const shortened = (word: string): string => shortenings[word] ?? ''

/** What is said in several words and means one. */
const phrases: readonly (readonly [RegExp, string])[] = [
  [/садов\S* (?:некоммерческ\S* )?товариществ[а-я]*/g, 'снт'],
  [/дачн\S* (?:некоммерческ\S* )?(?:товариществ|партнерств)[а-я]*/g, 'днт'],
  [/(?:дачн|коттеджн|рабоч)\S* поселк?[а-я]*/g, 'поселок'],
  [/пос[а-я.]* городского типа/g, 'пгт'],
  [/детск\S* сад[а-я]*/g, 'детсад'],
  [/жил(?:ой|ом) комплекс[а-я]*/g, 'жк'],
  [/м-?(?:он|рн)(?![а-я])/g, 'мкр'],
  [/(?<![а-я])м\/р(?:-?н)?(?![а-я])/g, 'мкр'],
  [/(?<![а-я])а\/я(?![а-я])/g, 'тел']
]

/** Puts one word for what is said in several: "садовое товарищество" → "снт". The text is in lower case, ё as е. */
export function phrasesAsWords(text: string): string {
  for (const [phrase, word] of phrases) text = text.replace(phrase, word)
  return text
}

/** Words of English addresses, as foreign books and maps write them. */
const english: Readonly<Record<string, string>> = {
  street: 'улица',
  st: 'улица',
  str: 'улица',
  avenue: 'проспект',
  ave: 'проспект',
  lane: 'переулок',
  square: 'площадь',
  boulevard: 'бульвар',
  blvd: 'бульвар',
  embankment: 'набережная',
  highway: 'шоссе',
  hwy: 'шоссе',
  microdistrict: 'микрорайон',
  house: 'дом',
  building: 'корпус',
  bldg: 'корпус',
  block: 'блок',
  apartment: 'квартира',
  apt: 'квартира',
  flat: 'квартира',
  office: 'офис',
  entrance: 'подъезд',
  floor: 'этаж',
  city: 'город',
  town: 'город',
  village: 'деревня',
  region: 'область',
  district: 'район',
  russia: 'россия'
}

/** A word of English, unless it is "str." behind the house, which is "строение". */
export function englishWord(
  piece: string,
  last: { readonly text: string; readonly isNumber: boolean } | undefined
): { readonly text: string; readonly sounds: '' } | null {
  const text = Object.hasOwn(english, piece) ? english[piece] : undefined
  if (text === undefined) return null
  const isBehindWord = last !== undefined && !last.isNumber && last.text.length > 1
  return piece.length > 3 || isBehindWord || text !== 'улица' ? { text, sounds: '' } : null
}

export const roleOf = (word: string): WordRole | undefined => roles.get(word)

const bySlip = new Map<string, string[]>()
const bySounds = new Map<string, WordRole>()
for (const [form, role] of roles) {
  if (role.types === undefined && role.mark === undefined && role.isTown !== true) continue
  if (form.length >= 4) bySounds.set(soundsOf(form), role)
  if (form.length < 5 || form.includes('-')) continue
  for (const key of withoutOneLetter(form)) bySlip.set(key, [...(bySlip.get(key) ?? []), form])
}

function withoutOneLetter(word: string): string[] {
  return [word, ...Array.from(word, (_, i) => word.slice(0, i) + word.slice(i + 1))]
}

/** The role of a word in Latin letters, or of one with a slip in it: "ploschad", "улца", "кваритра". */
export function roleNear(
  word: string,
  sounds: string
): { readonly role: WordRole; readonly form: string } | undefined {
  if (sounds !== '') {
    const role = bySounds.get(sounds)
    if (role !== undefined) return { role, form: word }
  }
  if (word.length < 4 || word.length > 14) return undefined
  for (const key of withoutOneLetter(word)) {
    for (const form of bySlip.get(key) ?? []) {
      const role = distance(word, form, 1) <= 1 ? roles.get(form) : undefined
      if (role !== undefined) return { role, form }
    }
  }
  return undefined
}

/** Endings that make a number an ordinal: "1-я", "8-го", "3ий". */
export const ordinalEndings: ReadonlySet<string> = new Set(
  'я й е го ая ый ой ий ое ья ье ем ом ей му ых х ю ую ю м го'.split(' ')
)
