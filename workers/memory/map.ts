/**
 * Where things lie in the memory that the kernel shares with the rest of workers/: plain numbers, read by the kernel's
 * compiler and by TypeScript alike. Offsets are in bytes.
 */

export const pageBytes = 65536

// --- constants, written once by the main thread ---------------------------------------------------------------

/** Nothing lies at address 0, which means "none". 10^k as u64, k = 0..19, then as f64, k = 0..22. */
export const powersAt = 1024
export const decimalsAt = 1184
/** Texts of the formats, 16 bytes each, in the order of `literalTexts` (workers/memory/kernel-memory.ts). */
export const literalsAt = 1376
export const literalBytes = 16
/**
 * A table for reading numbers (scanNumber in workers/kernel/bytes.ts): 16 × 16 rows of 16 bytes. A row belongs to numbers with so
 * many digits before the point (first index) and so many characters in all (second; both are the same without a point). Its 16 bytes
 * say which character of the number each of 16 digits is taken from, the number's end at the right; 0xff stands for a zero.
 */
export const ordersAt = 2048
export const constantsEnd = 6144

export const telegrafOpening = 0
export const telegrafNaming = 1
export const telegrafTiming = 2
export const canonicalTiming = 3
export const canonicalSignals = 4
export const gnmicNaming = 5
export const gnmicTiming = 6
export const gnmicTags = 7
export const gnmicValues = 8
export const zabbixOpening = 9
export const zabbixClock = 10
export const zabbixNs = 11
export const zabbixValue = 12
export const zabbixType = 13
export const literalTrue = 14
export const literalFalse = 15
export const literalNull = 16

// --- a desk: what one task works on, 64 KiB, and pointers to its larger parts ------------------------------------

export const deskBytes = 65536
/** Desks there can be; each task under way has one. */
export const desksMax = 64

/** f64: index of the range and offset of the record that the task is at; -1 before. */
export const deskRange = 0
export const deskOffset = 8
/** u32 each: where the part begins, and how long it is (of rows: for how many there is room). */
export const deskInputAt = 16
export const deskInputBytes = 20
export const deskPlainAt = 24
export const deskPlainBytes = 28
export const deskRowsAt = 32
export const deskRowsMax = 36

/** The run of records under way. u32: where the next record begins and where the run ends; i32: records left, rows so far. */
export const runAt = 64
export const runEnd = 68
export const runLeft = 72
export const runRows = 76
/** f64 each. */
export const runBaseOffset = 80
export const runBaseTimeMs = 88
/** -1 where the records have times of their own. */
export const runAppendTimeMs = 96
export const runFirstOffset = 104
export const runLastOffset = 112
export const runNowMs = 120
/** Offset behind the last record read. */
export const runNextOffset = 128
/** i32: what `program` of a series holds that this task has announced. */
export const runMark = 136
/** u32: groups of rows so far, and the group of the row that was judged last. */
export const runGroups = 140
export const runJudged = 184

/** What the kernel stopped for, and its particulars (u32 each). */
export const stopFirst = 144
export const stopSecond = 148
export const stopThird = 152
export const foundPlace = 156
/** What was found of the record that it stopped at: the alias, its format, its time, and (above) where its fields lead to. */
export const foundAliasFrom = 160
export const foundAliasTo = 164
export const foundFormat = 168
export const foundRawTime = 176

/** How many rows of the task were judged, or begun to be, and how many of them took the long way: u32 each. */
export const judgedRows = 216
export const judgedLong = 220
/** Behind the last row of which it was noted what is kept of its series. */
export const keptRows = 224
/** Mark of the task that judges, i32. */
export const judgedMark = 228

/** Counters of the task (u32 but for bytes, f64). */
export const countRecords = 192
export const countSamples = 196
export const countScanned = 200
export const countBytes = 208

/** The record in hand, by field and by reading. */
export const fieldsMax = 64
export const slotsMax = 128
export const scratchNumbers = 4096
export const scratchTextFrom = 4608
export const scratchTextTo = 4864
export const scratchKinds = 5120
export const scratchValues = 5632
export const scratchSlots = 6656
export const scratchNoReadings = 7680
/** An alias that is put together. */
export const scratchAlias = 8192
export const aliasBytesMax = 4096
/** What is looked ahead for: four words of each of sixteen records. */
export const scratchAhead = 12288
/** Number of the entry that the last record written in a certain way led to, u32 each. */
export const lastEntries = 12544
export const lastEntriesMax = 64
/** Rows that the second pass leaves to the main program, u32 each. */
export const attention = 16384
export const attentionMax = 4096
/** Counters by slot of all measurements (no readings), then by measurement (records), u32 each. */
export const slotCounters = 32768
export const slotCountersMax = 7168
export const measurementCounters = 61440
export const measurementCountersMax = 1024

/** Bytes behind each part that may be read and written by whole words. */
export const slackBytes = 32

/**
 * Columns of the rows of a desk, one behind the other: where each begins for each row there is room for. Of groups: u64 entity,
 * i64 ms, u64 offset, u32 end; of rows: f64 value, u16 signal, the i32 index of the series, and what judging them has changed.
 */
export const columnEntity = 0
export const columnTime = 8
export const columnOffset = 16
export const columnValue = 24
export const columnEnd = 32
export const columnSeries = 36
/** What judging a row has changed, so that it can be taken back (memory/undo.ts): f64 last time of the row's series before. */
export const columnBefore = 40
/** Of rows that took the long way, in their order, 16 bytes each: i32 series, and its eight conditions before. */
export const columnConditions = 48
export const conditionsEntryWords = 4
export const conditionsEntryAt = 2
/** Of rows whose series is kept for rates: its base, the time of that, and its rate or the start of its device before; f64 each. */
export const columnKept = 64
export const keptPerRow = 3
export const columnSignal = 88
export const deskBytesPerRow = 90

// --- forms: what has been learnt of how records are written ------------------------------------------------------

export const formsLock = 0
export const formsUsed = 4
export const formsEnd = 8
/** Formats that there is room for (learning/kernel-formats.ts holds to it), and how many places each has so far and where its root is, u32 each. */
export const formatsMax = 8
export const formsPlaces = 16
export const formsRoots = formsPlaces + formatsMax * 4
/** Address of each set by its number, u32. */
export const formsSets = formsRoots + formatsMax * 4
export const setsMax = 65536
export const formsHeap = formsSets + setsMax * 4

/** Numbers of the formats that the kernel reads. */
export const telegraf = 0
export const gnmic = 1
export const zabbix = 2
export const canonical = 3

/** A place in the tree of field names: length of `"name":`, links, one shape a measurement, then the bytes. */
export const placeKeyLength = 0
export const placeNext = 4
export const placeChild = 8
export const placeParent = 12
export const placeShapes = 16

/** How a measurement reads the fields of a place. */
export const shapeFlags = 0
export const shapeIsSlow = 1
export const shapeMayNameInstance = 2
export const shapeSlotCount = 4
export const shapeSlots = 8

export const slotIndex = 0
export const slotField = 4
export const slotMode = 8
export const slotFlags = 12
export const slotMul = 16
export const slotDiv = 24
export const slotOffset = 32
export const slotMin = 40
export const slotMax = 48
export const slotTrue = 56
export const slotFalse = 64
/** By code, `codesCount` f64; of flags: bit and code of each, two f64. */
export const slotCodes = 72
/** First text that was learnt. */
export const slotTexts = 76
/** Count, then address of so many f64. */
export const slotSentinelCount = 80
export const slotSentinels = 84
/** Values that other readings may change. */
export const slotBecomesCount = 88
export const slotBecomes = 92
/** Count, then address of so many u32: slots that give the same signal before this one. */
export const slotEarlierCount = 96
export const slotEarlier = 100
export const slotMeasurement = 104
export const slotFlagCount = 108
export const slotBytes = 112

/** Modes of a slot. */
export const modeLinear = 0
export const modeScaled = 1
export const modeCodes = 2
export const modeMilliwatt = 3
export const modeDbm = 4
export const modeMilliwattOrDbm = 5
export const modeHuaweiSign = 6
export const modeMains = 7
/** The first of some bits that is set says the code. */
export const modeFlags = 8
export const codesCount = 64

/** Flags of a slot. */
export const slotIsTextNumber = 1
/** 0 is a reading only while another one has a certain value. */
export const slotZeroNeeds = 2
/** Every code there is lies below codesCount. */
export const slotHasAllCodes = 4
/** Sentinels, other slots and other readings play a part in it; mostly none does. */
export const slotIsInvolved = 8

/** A text that was learnt: what it reads as, and the next one. */
export const textNext = 0
export const textLength = 4
export const textValue = 8
export const textBytes = 16

/** Some signals of a measurement, side by side. */
export const setMeasurement = 0
export const setFormat = 4
export const setTimeUnit = 8
export const setSlotBase = 12
export const setSeriesOfSlot = 16

/** Value of an alias that does not say by itself what its record is of. */
export const notWhole = 0x7fffffff
/** Bit beside the set of an entity's first span: it is of the device itself, so a field may still name an instance. */
export const withoutInstance = 0x40000000

/** Entries of the table of aliases that may have a follower: number of the entry that came after it the last time, u32 each. */
export const followersMax = 65536

// --- a table of keys (workers/memory/shared-table.ts) ---------------------------------------------------------------------

export const tableLevel = 8
export const tableCellsMin = 4096

// --- what walk() stops for -----------------------------------------------------------------------------------------

/** All records of the run are read. */
export const stopDone = 0
/** The record is one for the reference decoder. */
export const stopLeave = 1
/** The same, and its alias is not known yet. */
export const stopNewAlias = 2
/** A field name that is not known: the place before it, where it stands, and where its record ends. */
export const stopPlace = 3
/** A place that the measurement has no shape for: both. */
export const stopShape = 4
/** A set that is not known: its number. */
export const stopSet = 5
/** A text that is not known: its slot, and where it stands. */
export const stopText = 6
/** There is no room for the rows of one more record. */
export const stopRows = 7
