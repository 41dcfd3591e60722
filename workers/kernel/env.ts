/** What the kernel is given beside the memory (workers/kernel/binding.ts). */

/** dBm of a power in mW: the very function that the reference decoder calls, or the last bit might differ. */
export declare function dbmOfMilliwatts(milliwatts: f64): f64
