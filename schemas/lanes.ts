/**
 * A module of several lanes (QSFP) has a reading of each: instances of their own, so that none overwrites another, and
 * named so that the port they belong to is known. Whatever is asked of a port holds for its lanes, and the worst counts.
 */

export const laneName = (port: string, lane: string): string => `${port} lane ${lane}`

const lane = / lane \d+$/

/** The port an instance belongs to: itself, but for a lane. */
export const portOfInstance = (instance: string): string =>
  instance.includes(' lane ') ? instance.replace(lane, '') : instance
