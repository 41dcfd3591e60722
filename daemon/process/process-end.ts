/** Of a program that failed while it ran. */
export const exitFailed = 1

/** Resolves at the first signal to stop; a second one ends the program at once. */
export function waitForEnd(): { readonly done: Promise<void>; readonly fail: (error: Error) => void } {
  let finish = (): void => undefined
  const done = new Promise<void>(resolve => (finish = resolve))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      process.once(signal, () => process.exit(exitFailed))
      finish()
    })
  }
  return {
    done,
    fail(error) {
      process.stderr.write(`svetofor: ${error.message}\n`)
      process.exitCode = exitFailed
      finish()
    }
  }
}
