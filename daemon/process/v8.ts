import { setFlagsFromString } from 'node:v8'

/**
 * How Node.js is started (cli.ts, package.json, Dockerfile): V8 takes no such size once it runs. What a storm makes of alarms and lights
 * lives on, and a collection of the young copies all of it, while look-ups wait: of 2 MiB that takes under a millisecond, of 16 MiB, which is
 * usual, up to ten. It costs no CPU: little is made that lives for long.
 */
export const youngSpace = '--max-semi-space-size=2'

/**
 * Settings of V8 for all threads of the process (figures in docs/performance.md).
 * The way of a record is compiled ahead (workers/kernel/). What is left to V8 is many functions, each a little warm, and putting up
 * to 920 bytes of bytecode of others into each costs more than it ever saves.
 * And V8 takes places whose objects lived long once, as at the start, when all waits, to make long-lived ones for ever: what
 * belongs to one fetch then lies in the old generation until a full collection.
 * And it compiles a function for speed as soon as 66 kB of its code have run; of the many that are warm for the first second only,
 * that costs more than they give back.
 * And it takes a heap that hardly grows for one at rest, and collects it all again and again for a few megabytes.
 */
export function tuneV8(): void {
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=100')
  // Later lines of Node.js have a compiler of quick middling code in between, which other settings govern.
  if (process.versions.node.startsWith('20.')) setFlagsFromString('--interrupt-budget=540672')
  setFlagsFromString('--no-allocation-site-pretenuring')
  setFlagsFromString('--no-memory-reducer')
}
