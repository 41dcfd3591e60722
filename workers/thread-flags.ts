import { setFlagsFromString } from 'node:v8'

/**
 * The way of a record through the scanner is more code than V8 inlines by default: with room for all of it evaluation
 * takes a tenth less CPU (docs/performance.md). Imported before that code, because the limits count when it is compiled.
 */
setFlagsFromString('--max-inlined-bytecode-size=600')
setFlagsFromString('--max-inlined-bytecode-size-cumulative=2000')
