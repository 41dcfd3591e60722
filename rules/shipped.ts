/** The rules files that come with the program, relative to the package's folder, in the order they are compiled. */
export const shippedRulesFiles: readonly string[] = [
  'rules/library/power.yaml',
  'rules/library/link.yaml',
  'rules/library/optics.yaml'
]
