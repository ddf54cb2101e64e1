import { switchFamilies, type LabSwitch } from './catalogue.js'
import { expectedOutcomes, type Outcome } from './expected-outcomes.js'

export type SwitchEntry = {
  name: LabSwitch
  family: string
  does: string
  /** What a correct client makes of it, and why. */
  expect: { outcome: Outcome; because: string }
}

/** The catalogue for readers: each switch with its fault class and what to expect. */
export function switchList(): SwitchEntry[] {
  return Object.entries(switchFamilies).flatMap(([family, switches]) =>
    (Object.keys(switches) as LabSwitch[]).map((name) => {
      const [outcome, because] = expectedOutcomes[name]
      return { name, family, does: doesOf(switches, name), expect: { outcome, because } }
    }),
  )
}

const doesOf = (switches: Readonly<Record<string, { does: string }>>, name: string): string =>
  switches[name]?.does ?? ''
