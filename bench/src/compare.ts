import type { LoadPlan } from './load-main.js'
import { usageOf, type Watched } from './processes.js'
import type { Run } from './scenario.js'
import { rateOf, type Sample, type Side, summarise } from './side.js'

// Owns the fair comparison: sides take turns in one run, A/B/A/B, so that whatever else the machine does hits them alike.

export type Contender = {
  name: string
  /** A function makes a new one for each window: some requests cannot be sent twice. */
  plan: LoadPlan | (() => Promise<LoadPlan>)
  processes: readonly Watched[]
  /** After the warm-up, before anything is measured. */
  settle?: () => Promise<unknown>
  /** Load that runs beside it and is not measured. */
  beside?: LoadPlan
}

/** One side per contender, in their order. Throws when a side gave no good answer at all. */
export async function compare(run: Run, contenders: readonly Contender[]): Promise<Side[]> {
  const measured = contenders.map((contender) => ({ contender, samples: [] as Sample[] }))
  for (const { name, plan, beside } of contenders) {
    if (typeof plan !== 'function') await run.load.prepare(name, plan)
    if (beside !== undefined) await run.load.prepare(besides(name), beside)
  }
  for (let turn = 0; turn < warmUpWindows; turn++)
    for (const contender of contenders) {
      run.show(`warming up ${contender.name}`)
      await measure(run, contender)
    }
  for (const { settle } of contenders) await settle?.()
  for (let round = 1; round <= run.rounds; round++)
    for (const { contender, samples } of measured) {
      const sample = await measure(run, contender)
      samples.push(sample)
      run.show(`round ${round} of ${run.rounds}: ${contender.name} ${Math.round(rateOf(sample.window))}/s`)
    }
  for (const { name } of contenders) for (const each of [name, besides(name)]) await run.load.forget(each)
  return measured.map(({ contender, samples }) => summarise(contender.name, contender.processes, samples))
}

const longestList = 20

/** A new process compiles its hot functions for some ten seconds of load: a quarter of the CPU it takes then. */
const warmUpWindows = 3

const besides = (name: string): string => `beside ${name}`

async function measure(run: Run, contender: Contender): Promise<Sample> {
  const { name, plan, processes } = contender
  if (typeof plan === 'function') await run.load.prepare(name, await plan())
  const before = processes.map(usageOf)
  // A plan that is made for one window ends with its last request.
  const milliseconds = run.seconds * 1000 * (typeof plan === 'function' ? longestList : 1)
  const beside = contender.beside && run.load.send(besides(name), milliseconds)
  const [window] = await Promise.all([run.load.send(name, milliseconds), beside])
  return { window, usage: processes.map((each, place) => ({ before: before[place], after: usageOf(each) })) }
}
