/** What was thrown, as an Error. */
export function asError(value: unknown): Error {
  return value instanceof Error ? value : new Error(String(value))
}
