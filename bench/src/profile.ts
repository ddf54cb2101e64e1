import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Shell } from '@dromos/local'
import { runBench } from './main.js'

// Owns `npm run profile`: a scenario of the bench with a CPU profile of one service, and the table of what was on top.

const root = fileURLToPath(new URL('../../', import.meta.url))
const shownFunctions = 40

/** Returns the exit status: 0 when there is a profile, whatever the scenario's verdict. */
export async function runProfile(service: string, argv: readonly string[], shell: Shell): Promise<number> {
  const file = join(root, '.dromos', `profile-${service}.cpuprofile`)
  mkdirSync(dirname(file), { recursive: true })
  rmSync(file, { force: true })
  await runBench([...argv, '--profile', service, '--profile-to', file], shell)
  if (!existsSync(file)) return 1 // the bench has said why
  const profile = JSON.parse(readFileSync(file, 'utf8')) as Profile
  process.stdout.write(`\n${topOf(profile, shownFunctions).join('\n')}\n\n${relative(root, file)}\n`)
  return 0
}

/** A CPU profile of V8 (Profiler.Profile of the Chrome DevTools Protocol); times in microseconds. */
export type Profile = {
  nodes: readonly { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[]
  samples: readonly number[]
  timeDeltas: readonly number[]
}

/** Lines "share  function  place" of the functions on top, by the time spent in themselves; idle time does not count. */
export function topOf({ nodes, samples, timeDeltas }: Profile, count: number): string[] {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  const times = new Map<string, number>()
  samples.forEach((id, index) => {
    const name = names.get(id) ?? '(unknown)'
    times.set(name, (times.get(name) ?? 0) + (timeDeltas[index] ?? 0))
  })
  times.delete('(idle)')
  const total = [...times.values()].reduce((sum, each) => sum + each, 0)
  const top = [...times].sort(([, one], [, other]) => other - one).slice(0, count)
  return top.map(([name, time]) => `${((time / total) * 100).toFixed(1).padStart(5)} %  ${name}`)
}

function nameOf({ functionName, url, lineNumber }: Profile['nodes'][number]['callFrame']): string {
  const name = functionName === '' ? '(anonymous)' : functionName
  if (url === '') return name
  const place = url.replace(/^.*\/node_modules\//, '').replace(new URL(`file://${root}`).href, '')
  return `${name}  ${place}:${lineNumber + 1}`
}
