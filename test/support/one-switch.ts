/** The smallest network with a way: a campus with one switch, whose ports lead to the core. */
export const oneSwitch = (uplinks: readonly string[]) => [
  { id: 'cu', tier: 'core', name: 'ЦУ' },
  {
    id: 'ku',
    tier: 'campus',
    name: 'КУ-1',
    parents: ['cu'],
    devices: [
      {
        id: 'sw',
        role: 'switch',
        identifiers: ['10.0.0.1'],
        ports: uplinks.map(instance => ({ instance, role: 'uplink', peer: 'cu' }))
      }
    ]
  }
]
