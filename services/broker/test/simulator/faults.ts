import type { Random } from './random.js'

// Owns where something can go wrong, what, and the plans that say when. Does not own what a fault does: that is cluster.ts.

export type Fault =
  // the process
  | 'crash'
  | 'nap'
  | 'doze'
  | 'freeze'
  // its sessions and the server
  | 'session_lost'
  | 'database_crash'
  | 'statement_failed'
  | 'result_unheard'
  // the network to the provider, and the provider
  | 'unsent'
  | 'held_back'
  | 'request_lost'
  | 'connection_reset'
  | 'processed_late'
  | 'answer_lost'
  | 'answer_slow'
  | 'server_error'
  | 'unwell'
  | 'throttled'
  | 'client_refused'
  | 'token_unusable'
  | 'no_access_token'
  | 'keys_unavailable'

/** Seconds: a nap ends within the lease but past the time to send, a doze past the call's deadline, a freeze past the lease. */
export const freezeSeconds = { nap: [5, 8], doze: [10, 14], freeze: [16, 40] } as const

export type Place = { readonly index: number; readonly name: string; readonly faults: readonly Fault[] }

const process: readonly Fault[] = ['crash', 'nap', 'doze', 'freeze']
const server: readonly Fault[] = ['session_lost', 'database_crash']
const made: Place[] = []

function place(name: string, faults: readonly Fault[]): Place {
  const one = { index: made.length, name, faults: [...process, ...server, ...faults] }
  made.push(one)
  return one
}

export type StatementPlaces = { before: Place; done: Place }

const statement = (name: string): StatementPlaces => ({
  before: place(`${name}.before`, ['statement_failed']),
  done: place(`${name}.done`, ['result_unheard']),
})

/** Every effect's boundaries, in the order of a refresh. */
export const places = {
  read: statement('read'),
  view: statement('view'),
  acquire: statement('acquire'),
  seek: statement('seek'),
  callBefore: place('call.before', ['unsent', 'held_back']),
  callConnected: place('call.connected', []),
  callSent: place('call.sent', [
    'request_lost',
    'connection_reset',
    'processed_late',
    'throttled',
    'client_refused',
    'unwell',
  ]),
  callProcessed: place('call.processed', ['answer_lost', 'answer_slow', 'server_error', 'token_unusable', 'no_access_token']), // prettier-ignore
  capture: statement('capture'),
  complete: statement('complete'),
  adopt: statement('adopt'),
  mark: statement('mark'),
  file: statement('file'),
  judge: place('judge', ['keys_unavailable']),
  settle: statement('settle'),
  release: statement('release'),
} as const

export const allPlaces: readonly Place[] = made

/** Asked at every boundary. */
export type Faults = { at(place: Place): Fault | undefined }

export type PlannedFault = { place: string; occurrence: number; fault: Fault }

/** The faults of a plan, each at the n-th time its place is passed. Also tells which places were passed, in order. */
export function plannedFaults(plan: readonly PlannedFault[]): Faults & { passed: readonly Place[] } {
  const counts = new Uint16Array(made.length)
  const passed: Place[] = []
  return {
    passed,
    at(place) {
      const occurrence = (counts[place.index] ?? 0) + 1
      counts[place.index] = occurrence
      passed.push(place)
      return plan.find((each) => each.place === place.name && each.occurrence === occurrence)?.fault
    },
  }
}

/** Faults by chance: which kinds there are in this run, and how often a boundary where they can happen is struck. */
export type Weather = { kinds: ReadonlySet<Fault>; rate: number }

const everyKind = [...new Set(made.flatMap((each) => each.faults))]

/**
 * Some runs are calm, some get a little of everything, and most get much of a few kinds: coincidences of the same two or
 * three faults are what breaks protocols, and they drown in a mixture.
 */
export function drawWeather(random: Random): Weather {
  if (random.chance(0.05)) return { kinds: new Set(), rate: 0 }
  if (random.chance(0.3)) return { kinds: new Set(everyKind), rate: random.pick([0.01, 0.03, 0.08]) }
  const kinds = new Set<Fault>()
  for (let count = random.between(1, 4); count > 0; count--) kinds.add(random.pick(everyKind))
  return { kinds, rate: random.pick([0.02, 0.1, 0.25]) }
}

export function randomFaults(random: Random, { kinds, rate }: Weather): Faults {
  const choices = made.map((each) => each.faults.filter((fault) => kinds.has(fault)))
  // A waiting replica passes these so often that they would get all the faults.
  const frequent = new Set([places.read.before, places.read.done, places.view.before, places.view.done])
  return {
    at(place) {
      const faults = choices[place.index]
      if (faults === undefined || faults.length === 0 || !random.chance(rate)) return undefined
      return frequent.has(place) && !random.chance(0.05) ? undefined : random.pick(faults)
    },
  }
}

export const noFaults: Faults = { at: () => undefined }

/** `capture.done#1:crash,acquire.done#2:freeze` and back. Throws on what is no plan. */
export function parsePlan(text: string): PlannedFault[] {
  return text.split(',').map((part) => {
    const [, name, occurrence, fault] = /^([a-z.]+)#(\d+):([a-z_]+)$/.exec(part.trim()) ?? []
    const found = made.find((each) => each.name === name)?.faults.find((each) => each === fault)
    if (name === undefined || found === undefined) throw new Error(`not a planned fault: ${part}`)
    return { place: name, occurrence: Number(occurrence), fault: found }
  })
}

export const formatPlan = (plan: readonly PlannedFault[]): string =>
  plan.map((each) => `${each.place}#${each.occurrence}:${each.fault}`).join(',')
