/**
 * Mutants that change nothing anybody could see, each with the reason. One that a test kills all the same, and one that is no
 * mutant of any rule, fails the run: so the list says what is true.
 */
export interface EquivalentMutant {
  readonly rule: string
  readonly change: string
  readonly because: string
}

const each = (rule: string, because: string, changes: readonly string[]): EquivalentMutant[] =>
  changes.map(change => ({ rule, change, because }))

export const equivalentMutants: readonly EquivalentMutant[] = [
  ...each('link.down', 'the rule itself is judged on trunk ports only', [
    'unless[0] if.admin_status: select: without port',
    'unless[0] if.admin_status: select: port with access',
    "unless[0] if.admin_status: select: port with ''"
  ]),
  ...each('optics.fallen', 'the rule itself is judged on uplinks only', [
    'unless[0] if.oper_status: select: without port',
    'unless[0] if.oper_status: select: port without downlink',
    'unless[0] if.oper_status: select: port with access',
    "unless[0] if.oper_status: select: port with ''"
  ]),
  ...each('optics.rx/low', 'the other clause of if.oper_status says the same of these ports', [
    'unless[0] if.oper_status: select: without port',
    'unless[0] if.oper_status: select: port with access',
    "unless[0] if.oper_status: select: port with ''",
    'unless[2] if.oper_status: select: without port',
    'unless[2] if.oper_status: select: port with uplink',
    'unless[2] if.oper_status: select: port with downlink'
  ]),
  ...['optics.temp/high', 'optics.voltage/low', 'optics.voltage/high'].flatMap(rule =>
    each(rule, 'the rule itself is judged on trunk ports only', [
      'unless[0] if.oper_status: select: without port',
      'unless[0] if.oper_status: select: port with access',
      "unless[0] if.oper_status: select: port with ''"
    ])
  ),
  ...['major', 'warning'].flatMap(level =>
    each('optics.rx_state/low', 'the state itself is asked of trunk ports only', [
      `${level}: not if.oper_status: select: without port`,
      `${level}: not if.oper_status: select: port with access`,
      `${level}: not if.oper_status: select: port with ''`
    ])
  )
]
