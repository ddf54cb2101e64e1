import type { LoadPlan } from './load-main.js'
import { usageOf, type Watched } from './processes.js'
import type { Run } from './scenario.js'
import { rateOf, type Sample, type Side, summarise } from './side.js'

// Owns the fair comparison: sides take turns in one run, A/B/A/B, so that whatever else the machine does hits them alike.

export type Contender = { name: string; plan: LoadPlan; processes: readonly Watched[] }

const warmUpShare = 0.4

/** One side per contender, in their order. Throws when a side gave no good answer at all. */
export async function compare(run: Run, contenders: readonly Contender[]): Promise<Side[]> {
  const measured = contenders.map((contender) => ({ contender, samples: [] as Sample[] }))
  for (const { name, plan } of contenders) {
    await run.load.prepare(name, plan)
    run.show(`warming up ${name}`)
    await run.load.send(name, run.seconds * warmUpShare * 1000)
  }
  for (let round = 1; round <= run.rounds; round++)
    for (const { contender, samples } of measured) {
      const sample = await measure(run, contender)
      samples.push(sample)
      run.show(`round ${round} of ${run.rounds}: ${contender.name} ${Math.round(rateOf(sample.window))}/s`)
    }
  for (const { name } of contenders) await run.load.forget(name)
  return measured.map(({ contender, samples }) => summarise(contender.name, contender.processes, samples))
}

async function measure(run: Run, { name, processes }: Contender): Promise<Sample> {
  const before = processes.map(usageOf)
  const window = await run.load.send(name, run.seconds * 1000)
  return { window, usage: processes.map((each, place) => ({ before: before[place], after: usageOf(each) })) }
}
