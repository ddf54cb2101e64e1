import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'
import { Problem } from '@dromos/local'
import { createResources, type Resources } from '../resources.js'
import { openRunDirectory } from '../run-directory.js'
import { runInterruptible } from '../run-interruptible.js'
import { printProgress } from '../show.js'
import { attackers } from './attackers/all.js'
import { type AttackOptions, type AttackReport, isClean, runAttack } from './attack.js'
import { providerKinds } from './providers.js'
import { linesOf } from './show-report.js'

// Owns `npm run attack`: its options, where the report goes, and that nothing is left behind. Does not own the attack.

const root = fileURLToPath(new URL('../../../../', import.meta.url))

type Options = Pick<AttackOptions, 'seconds' | 'seed' | 'scale' | 'strikes'> & { json: string; lists: boolean }

/** Returns the exit status: 0 when nothing was violated. */
export function runAttackCommand(argv: string[]): Promise<number> {
  return runInterruptible(async (resources) => {
    const options = readOptions(argv)
    if (options.lists) {
      for (const { tries } of attackers) process.stdout.write(`attack    ${tries}\n`)
      for (const { name } of providerKinds) process.stdout.write(`provider  ${name}\n`)
      return 0
    }
    const report = await attackOnce(options, resources)
    return isClean(report) ? 0 : 1
  })
}

async function attackOnce(options: Options, resources: Resources): Promise<AttackReport> {
  const { server, logDirectory, close } = await openRunDirectory('attack', 'throwaway')
  let kept: 'nothing' | 'logs' = 'nothing'
  resources.add(() => close(kept))
  const cast = createResources()
  resources.add(() => cast.endAll())
  const progress = (line: string): void => printProgress(process.stdout, line)
  const report = await runAttack({ ...options, server, logDirectory, progress, resources: cast })
  mkdirSync(dirname(options.json), { recursive: true })
  writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`)
  if (!isClean(report)) kept = 'logs'
  process.stdout.write(`\n${[...linesOf(report)].join('\n')}\n`)
  process.stdout.write(isClean(report) ? 'no violation\n' : `violated; the logs are in ${logDirectory}\n`)
  return report
}

function readOptions(argv: string[]): Options {
  const values = parse(argv)
  const number = (name: 'minutes' | 'seed' | 'scale', fallback: number, min: number, max: number): number => {
    const value = Number(values[name] ?? fallback)
    if (!(value >= min && value <= max)) throw new Problem(`--${name}: give a number from ${min} to ${max}`)
    return value
  }
  return {
    seconds: number('minutes', 5, 0.2, 24 * 60) * 60,
    seed: number('seed', 1, 0, 2 ** 32 - 1),
    scale: number('scale', 1, 0.1, 1),
    strikes: values['no-strikes'] === true ? 'none' : 'kill-and-drain',
    json: resolve(values.json ?? join(root, '.dromos', 'attack.json')),
    lists: values.list === true,
  }
}

function parse(argv: string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const options = { minutes: text, seed: text, scale: text, json: text, list: flag, 'no-strikes': flag }
  try {
    return parseArgs({ args: argv, options }).values
  } catch (cause) {
    throw new Problem(
      `${cause instanceof Error ? cause.message : String(cause)}\nnpm run attack -- --help lists the options`,
    )
  }
}
