import { offer } from '@dromos/prove'
import { callGrpc, compileCalls, type GrpcPlan } from './load/grpc-load.js'
import { compileRequests, sendHttp, type HttpPlan } from './load/http-load.js'
import { startStopwatch, type Stopwatch, type Window } from './load/stopwatch.js'

// Owns the load as a process of its own, so that measuring does not wait for what it measures.

export type LoadPlan = HttpPlan | GrpcPlan

/** Sends until the watch is over. */
type Load = (watch: Stopwatch) => Promise<void>

const prepared = new Map<string, Load>()

function compile(plan: LoadPlan): Load {
  if (plan.kind === 'http') {
    const source = compileRequests(plan)
    return (watch) => sendHttp(plan, source, watch)
  }
  const source = compileCalls(plan)
  return (watch) => callGrpc(plan, source, watch)
}

const functions = {
  prepare: (name: string, plan: LoadPlan) => void prepared.set(name, compile(plan)),
  forget: (name: string) => void prepared.delete(name),
  /** One window of load, at most that long. */
  async send(name: string, milliseconds: number): Promise<Window> {
    const load = prepared.get(name)
    if (load === undefined) throw new Error(`no load ${name}`)
    const watch = startStopwatch(milliseconds)
    await load(watch)
    return watch.stop()
  },
}

export type LoadFunctions = typeof functions

offer(process, functions)
