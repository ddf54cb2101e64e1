import { AsyncLocalStorage } from 'node:async_hooks'
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
  /** What is on, in the order it was turned on. */
  list(): Array<{ name: LabSwitch; how: LabSwitchMode }>
  /** Runs `value` through every switch that is on and acts at `point`, in the order they were turned on. */
  run<P extends Point>(point: P, value: Points[P], circumstances?: Partial<Circumstances>): Points[P]
  /** Runs `serve`; the names of switches that act meanwhile, on its account, are added to `acted` once each. */
  noting<T>(acted: string[], serve: () => T): T
}

type ActiveSwitch = { definition: SwitchDefinition; how: LabSwitchMode; occasions: Map<Point, number> }

// What a switch changes here is the thing itself; everywhere else it gives back another value.
const changedInPlace: ReadonlySet<Point> = new Set<Point>(['refresh.family', 'signing.keys'])

export function createSwitchBoard(
  facts: Omit<SwitchFacts, 'value' | keyof Circumstances>,
  random: Random,
): SwitchBoard {
  const definitions: Record<LabSwitch, SwitchDefinition> = catalogue
  const active = new Map<LabSwitch, ActiveSwitch>()
  // Requests overlap: each notes its own, however deep in the pipeline a switch acts.
  const notes = new AsyncLocalStorage<string[]>()

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

  const note = (name: LabSwitch): void => {
    const acted = notes.getStore()
    if (acted && !acted.includes(name)) acted.push(name)
  }

  return {
    turnOn: (name, how = {}) => {
      const definition = definitions[name]
      if (!definition) throw new Error(`the lab has no switch '${name}'`)
      if (definition.needs === 'tls' && Object.keys(facts.tlsFaultUrls).length === 0) {
        throw new Error(`'${name}' needs a lab with TLS: start it with tls, or dromos-lab --tls`)
      }
      active.delete(name)
      active.set(name, { definition, how, occasions: new Map() })
    },
    turnOff: (name) => {
      active.delete(name)
    },
    list: () => [...active].map(([name, { how }]) => ({ name, how })),
    noting: (acted, serve) => notes.run(acted, serve),
    run: (point, value, circumstances = {}) => {
      let result = value
      for (const [name, entry] of active) {
        const effect = entry.definition.at[point]
        if (!effect || !acts(entry, point, circumstances.grant)) continue
        const at = { grant: undefined, form: {}, family: undefined, accept: '', ...circumstances }
        const before = result
        result = effect(before, { ...facts, ...at, value: entry.how.value })
        if (result !== before || changedInPlace.has(point)) note(name)
      }
      return result
    },
  }
}
