/** The rules files that come with the program, relative to the package's folder, in the order they are compiled. */
export const shippedRulesFiles: readonly string[] = [
  'rules/library/power.yaml',
  'rules/library/link.yaml',
  'rules/library/optics.yaml',
  'rules/library/catv.yaml',
  'rules/library/traffic.yaml',
  'rules/library/environment.yaml',
  'rules/library/health.yaml'
]

/** The tests of a shipped rules file; not among the files of the daemon, because an operator may change limits. */
export const shippedTestsOf = (file: string): string =>
  file.replace('library', 'fixtures').replace('.yaml', '.tests.yaml')
