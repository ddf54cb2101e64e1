import { parseArgs } from 'node:util'
import { type Defect, defects } from './defects.js'
import { parsePlan } from './faults.js'
import { type KindName } from './provider-model.js'
import { playSchedules } from './enumerate.js'
import { run } from './run.js'
import { type Fixed, kindNames, replayCommand, scenarioOf, tell } from './seeds.js'

// Owns the command `npm run simulate`: many seeds, the enumerated schedules, or one run told step by step.

const usage = `Usage: npm run simulate -- [options]

Plays the real refresh protocol against simulated replicas, a simulated database and a simulated provider, with faults.

  --seeds N            plays the seeds 1 to N (100000 when nothing else is asked for)
  --schedules          plays every single and every double fault at every provider
  --seed N             plays one seed
    --trace            and tells it step by step
    --provider NAME    ${Object.values(kindNames).join(', ')}
    --plan FAULTS      these faults and no others, such as capture.done#1:crash,acquire.done#2:freeze
    --traffic standard the callers of the schedules instead of random ones
    --without RULE     takes one defence out, to see what it is for; --without ? lists them

Ends with 1 and a command that plays it again when an invariant breaks.`

/** Runs the command and gives its exit code. */
export function simulate(words: readonly string[], print: (line: string) => void): number {
  const { values } = parseArgs({
    args: [...words],
    options: {
      seeds: { type: 'string' },
      schedules: { type: 'boolean', default: false },
      seed: { type: 'string' },
      trace: { type: 'boolean', default: false },
      provider: { type: 'string' },
      plan: { type: 'string' },
      traffic: { type: 'string' },
      without: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help || values.without === '?') {
    print(values.help ? usage : defects.map(({ title }) => title).join('\n'))
    return 0
  }
  const defect = values.without === undefined ? undefined : defectTitled(values.without)
  const fixed: Fixed = {
    ...defect?.hunt,
    protocol: defect?.protocol,
    ...(values.provider === undefined ? {} : { provider: kindNamed(values.provider) }),
    ...(values.plan === undefined ? {} : { plan: parsePlan(values.plan) }),
    traffic: values.traffic === 'standard' ? 'standard' : undefined,
  }
  if (values.seed !== undefined)
    return playOne(wholeNumber('seed', values.seed), fixed, values.trace ? 'told' : 'judged', print)
  if (values.schedules) return playAllSchedules(print)
  const flags = values.without === undefined ? [] : ['--without', `'${values.without}'`]
  return playSeeds(wholeNumber('seeds', values.seeds ?? '100000'), fixed, flags, print)
}

function wholeNumber(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${option}: give a whole number`)
  return Number(text)
}

function kindNamed(name: string): KindName {
  const kind = kindNames.find((each) => each === name)
  if (kind === undefined) throw new Error(`no such provider: ${name}`)
  return kind
}

function defectTitled(title: string): Defect {
  const defect = defects.find((each) => each.title === title)
  if (defect === undefined) throw new Error(`no such rule: ${title} (--without ? lists them)`)
  return defect
}

function playOne(seed: number, fixed: Fixed, how: 'told' | 'judged', print: (line: string) => void): number {
  const { violations } = run(how === 'told' ? { ...scenarioOf(seed, fixed), note: print } : scenarioOf(seed, fixed))
  for (const { invariant, text } of violations) print(`${invariant} broken: ${text}`)
  if (violations.length === 0) print(`seed ${seed} (${scenarioOf(seed, fixed).provider}): every invariant holds`)
  return violations.length === 0 ? 0 : 1
}

function playSeeds(count: number, fixed: Fixed, flags: readonly string[], print: (line: string) => void): number {
  const startedAtMs = performance.now()
  let refreshes = 0
  for (let seed = 1; seed <= count; seed++) {
    const { violations, journal } = run(scenarioOf(seed, fixed))
    refreshes += journal.presentations.length
    if (violations.length > 0) {
      print(tell(seed, fixed, flags))
      return 1
    }
    if (seed % 25_000 === 0) print(`${seed} of ${count} seeds`)
  }
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1)
  print(`${count} seeds, ${refreshes} calls of the provider, every invariant holds (${seconds} s)`)
  return 0
}

function playAllSchedules(print: (line: string) => void): number {
  for (const provider of kindNames) {
    let count = 0
    for (const { seed, plan, violations } of playSchedules(provider)) {
      count++
      if (violations.length === 0) continue
      for (const { invariant, text } of violations) print(`${invariant} broken: ${text}`)
      print(`again: ${replayCommand(seed, { provider, plan, traffic: 'standard' })}`)
      return 1
    }
    print(`${provider}: ${count} schedules of one and two faults, every invariant holds`)
  }
  return 0
}
