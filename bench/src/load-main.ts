import { offer } from '@dromos/prove'
import { compileRequests, sendHttp, type HttpPlan, type Source } from './http-load.js'
import { startStopwatch, type Window } from './stopwatch.js'

// Owns the load as a process of its own, so that measuring does not wait for what it measures.

export type LoadPlan = HttpPlan

const prepared = new Map<string, { plan: LoadPlan; source: Source }>()

const functions = {
  prepare(name: string, plan: LoadPlan): void {
    prepared.set(name, { plan, source: compileRequests(plan) })
  },
  forget: (name: string) => void prepared.delete(name),
  /** One window of load, at most that long. */
  async send(name: string, milliseconds: number): Promise<Window> {
    const found = prepared.get(name)
    if (found === undefined) throw new Error(`no load ${name}`)
    const watch = startStopwatch(milliseconds)
    await sendHttp(found.plan, found.source, watch)
    return watch.stop()
  },
}

export type LoadFunctions = typeof functions

offer(process, functions)
