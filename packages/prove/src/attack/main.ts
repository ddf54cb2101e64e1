import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'
import { explain, Problem } from '@dromos/local'
import { startDatabaseServer } from '../database.js'
import { createResources, type Resources } from '../resources.js'
import { printProgress } from '../show.js'
import { attackers } from './attackers/all.js'
import { type AttackOptions, type AttackReport, isClean, runAttack } from './attack.js'
import { providerKinds } from './providers.js'
import { linesOf } from './show-report.js'

// Owns `npm run attack`: its options, where the report goes, and that nothing is left behind. Does not own the attack.

const root = fileURLToPath(new URL('../../../../', import.meta.url))

type Options = Pick<AttackOptions, 'seconds' | 'seed' | 'scale' | 'strikes'> & { json: string; lists: boolean }

/** Returns the exit status: 0 when nothing was violated. */
export async function runAttackCommand(argv: string[]): Promise<number> {
  const resources = createResources()
  try {
    const options = readOptions(argv)
    if (options.lists) {
      for (const { tries } of attackers) process.stdout.write(`attack    ${tries}\n`)
      for (const { name } of providerKinds) process.stdout.write(`provider  ${name}\n`)
      return 0
    }
    const interrupted = new Promise<never>((_, reject) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const)
        process.once(signal, () => reject(new Problem('interrupted')))
    })
    const report = await Promise.race([attackOnce(options, resources), interrupted])
    return isClean(report) ? 0 : 1
  } catch (error) {
    process.stderr.write(`\n${explain(error)}\n`)
    return 1
  } finally {
    await resources.endAll()
    setTimeout(() => process.exit(), 1_000).unref()
  }
}

async function attackOnce(options: Options, resources: Resources): Promise<AttackReport> {
  const directory = mkdtempSync(join(tmpdir(), 'dromos-attack-'))
  // PostgreSQL may run as another account, which must be able to pass through to its own directory inside.
  chmodSync(directory, 0o711)
  const logDirectory = join(directory, 'logs')
  mkdirSync(logDirectory)
  const dataDir = join(directory, 'postgres')
  const server = await startDatabaseServer({ dataDir, durability: 'throwaway', log: () => {} })
  let isKept = false
  resources.add(async () => {
    await server.stop()
    rmSync(isKept ? dataDir : directory, { recursive: true, force: true })
  })
  const cast = createResources()
  resources.add(() => cast.endAll())
  const progress = (line: string): void => printProgress(process.stdout, line)
  const report = await runAttack({ ...options, server, logDirectory, progress, resources: cast })
  mkdirSync(dirname(options.json), { recursive: true })
  writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`)
  isKept = !isClean(report)
  process.stdout.write(`\n${[...linesOf(report)].join('\n')}\n`)
  process.stdout.write(isKept ? `violated; the logs are in ${logDirectory}\n` : 'no violation\n')
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
