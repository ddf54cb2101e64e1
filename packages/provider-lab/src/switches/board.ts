import type { Random } from '../random.js'
import { catalogue, type LabSwitch } from './catalogue.js'
import type { Circumstances, GrantType, Point, Points, SwitchDefinition, SwitchFacts } from './points.js'

/** When a switch that is on acts. Occasions are counted per point, `times` and `nth` from the moment of turnOn. */
export type LabSwitchMode = {
  /** `always` (default), the first `n` `times`, only the `nth` occasion, or with `prob`ability `p`. */
  mode?: 'always' | 'times' | 'nth' | 'prob'
  n?: number
  p?: number
  /** Meaning depends on the switch: a status, an error code, milliseconds. */
  value?: unknown
  /** Acts only in token requests of this grant type. */
  only?: GrantType
}

export type SwitchBoard = {
  turnOn(name: LabSwitch, how?: LabSwitchMode): void
  turnOff(name: LabSwitch): void
  /** Runs `value` through every switch that is on and acts at `point`, in the order they were turned on. */
  run<P extends Point>(point: P, value: Points[P], circumstances?: Partial<Circumstances>): Points[P]
}

type ActiveSwitch = { definition: SwitchDefinition; how: LabSwitchMode; occasions: Map<Point, number> }

export function createSwitchBoard(
  facts: Omit<SwitchFacts, 'value' | keyof Circumstances>,
  random: Random,
): SwitchBoard {
  const definitions: Record<LabSwitch, SwitchDefinition> = catalogue
  const active = new Map<LabSwitch, ActiveSwitch>()

  const acts = ({ definition, how, occasions }: ActiveSwitch, point: Point, grant: GrantType | undefined): boolean => {
    const only = how.only ?? definition.only
    if (only !== undefined && only !== grant) return false
    const occasion = (occasions.get(point) ?? 0) + 1
    occasions.set(point, occasion)
    switch (how.mode ?? 'always') {
      case 'always':
        return true
      case 'times':
        return occasion <= (how.n ?? 1)
      case 'nth':
        return occasion === (how.n ?? 1)
      case 'prob':
        return random.fraction() < (how.p ?? 0.5)
    }
  }

  return {
    turnOn: (name, how = {}) => {
      const definition = definitions[name]
      if (!definition) throw new Error(`the lab has no switch '${name}'`)
      active.delete(name)
      active.set(name, { definition, how, occasions: new Map() })
    },
    turnOff: (name) => {
      active.delete(name)
    },
    run: (point, value, circumstances = {}) => {
      let result = value
      for (const entry of active.values()) {
        const effect = entry.definition.at[point]
        if (!effect || !acts(entry, point, circumstances.grant)) continue
        const at = { grant: undefined, form: {}, family: undefined, ...circumstances }
        result = effect(result, { ...facts, ...at, value: entry.how.value })
      }
      return result
    },
  }
}
