// @ts-check

/**
 * Calls `work` at once and then at most every `everyMs`, however often it is asked.
 * @param {() => Promise<unknown>} work
 * @param {number} everyMs
 */
export function atMost(work, everyMs) {
  /** @type {any} */
  let timer
  let again = false
  const run = () => {
    if (timer !== undefined) {
      again = true
      return
    }
    void work()
    timer = setTimeout(() => {
      timer = undefined
      if (again) {
        again = false
        run()
      }
    }, everyMs)
  }
  return run
}
