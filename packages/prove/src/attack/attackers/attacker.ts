import type { AgentWorld } from '../agent.js'
import type { Answer } from '../http-caller.js'

// Owns the words of an attack. Does not own any attack.

export type Attacker = {
  /** What it tries, as --list shows it. */
  tries: string
  /** One try. What it may not get is told to the recorder. */
  attack(world: AgentWorld): Promise<void>
}

/** The answer must be one of these refusals, `403 wrong_browser` for instance; no answer at all is one too. */
export function mustBeRefused(world: AgentWorld, what: string, answer: Answer | undefined, ...with_: string[]): void {
  if (answer === undefined) return
  const got = `${answer.status} ${answer.code}`
  if (isPause(answer) || with_.includes(got)) return
  world.cast.recorder.violated(`not refused: ${what}`, `${got}, expected ${with_.join(' or ')}`)
}

/** A broker that is just leaving, or its neighbour that has just gone, judges nothing. */
const isPause = ({ status }: Answer): boolean => status === 502 || status === 503 || status === 504
