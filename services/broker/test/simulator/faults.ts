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
  | 'request_lost'
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
  callBefore: place('call.before', ['unsent']),
  callConnected: place('call.connected', []),
  callSent: place('call.sent', ['request_lost', 'processed_late', 'throttled', 'client_refused', 'unwell']),
  callProcessed: place('call.processed', ['answer_lost', 'answer_slow', 'server_error', 'token_unusable', 'no_access_token']), // prettier-ignore
  capture: statement('capture'),
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

/** Faults by chance. A waiting replica passes `read` and `view` so often that it would get them all. */
export function randomFaults(random: Random, rate: number): Faults {
  const { read, view } = places
  const isFrequent = (place: Place): boolean =>
    place === view.before || place === view.done || place === read.before || place === read.done
  return {
    at(place) {
      if (rate === 0 || !random.chance(rate)) return undefined
      return isFrequent(place) && !random.chance(0.1) ? undefined : random.pick(place.faults)
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
