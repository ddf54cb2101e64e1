import { sendCallbacks, type CallbackPlan } from './callback-load.js'
import { startReaders, type ReadPlan, type Readers } from './read-load.js'
import { offer } from './rpc.js'

// Owns the load as a process of its own, so that measuring does not wait for what it measures.

const running = new Map<string, Readers>()

const functions = {
  /** Starts readers under a name; several sets may run at once. */
  start: (name: string, plan: ReadPlan) => void running.set(name, startReaders(plan)),
  progress: (name: string) => running.get(name)?.progress(),
  /** Resolves when the reads of a list are done; endless readers end by `stop`. */
  finished: (name: string) => running.get(name)?.finished,
  stop: (name: string) => running.get(name)?.stop(),
  callbacks: (plan: CallbackPlan) => sendCallbacks(plan),
}

export type LoadFunctions = typeof functions

offer(process, functions)
