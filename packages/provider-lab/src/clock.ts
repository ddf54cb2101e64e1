export type LabClock = {
  /** Virtual time of the provider in milliseconds since the epoch: real time plus everything advanced so far. */
  now(): number
  /** Moves the provider's time; a negative `ms` makes its clock run behind ours. */
  advance(ms: number): void
}

export function createClock(): LabClock {
  let offsetMs = 0
  return {
    now: () => Date.now() + offsetMs,
    advance: (ms) => {
      offsetMs += ms
    },
  }
}
