import { hostileSwitches, type LabProvider, type LabSwitch } from 'dromos-lab'
import type { ProviderKind } from './providers.js'

// Owns when providers misbehave. Does not own how: the lab's hostile preset.

/** The judge could not tell whose token it is: a lie that no client can tell from the truth. */
const excluded: readonly LabSwitch[] = ['tok.duplicate_keys']

const namesOf = (settings: object): LabSwitch[] => Object.keys(settings) as LabSwitch[]

/** From now on each fault class fails in this share of its answers. */
export function misbehave(provider: LabProvider, { always }: ProviderKind, share: number): void {
  const settings = hostileSwitches(share)
  const chosen = namesOf(settings).filter((name) => !excluded.includes(name) && !always.includes(name))
  for (const name of chosen) provider.turnOn(name, settings[name])
}

/** Everything off but the provider's own ways. */
export function startOver(provider: LabProvider, { always }: ProviderKind): void {
  for (const { name } of provider.switches()) provider.turnOff(name)
  for (const name of always) provider.turnOn(name)
}
