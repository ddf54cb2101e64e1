import { run } from './run.js'
import { scenarioOf } from './seeds.js'

export function simulate(words: readonly string[], print: (line: string) => void): number {
  const trace = words.includes('--trace')
  const from = Number(words[words.indexOf('--seed') + 1])
  const count = Number(words[words.indexOf('--seeds') + 1])
  if (trace) {
    const r = run({ ...scenarioOf(from), note: print })
    print(scenarioOf(from).provider)
    for (const v of r.violations) print(`${v.invariant} ${v.text}`)
    return 0
  }
  const t = Date.now()
  const tally = new Map<string, number[]>()
  let pres = 0,
    calls = 0
  const verdicts: Record<string, number> = {}
  for (let seed = 1; seed <= count; seed++) {
    const s = scenarioOf(seed)
    const r = run(s)
    pres += r.journal.presentations.length
    calls += r.journal.calls.length
    for (const p of r.journal.presentations) verdicts[p.verdict] = (verdicts[p.verdict] ?? 0) + 1
    for (const v of r.violations) {
      const k = `${v.invariant} ${s.provider} ${v.text.split('\n')[0]!.replace(/\d+/g, 'N')}`
      const list = tally.get(k) ?? []
      list.push(seed)
      tally.set(k, list)
    }
  }
  for (const [k, l] of [...tally].sort((a, b) => b[1].length - a[1].length))
    print(`${l.length} ${k} e.g. ${l.slice(0, 4)}`)
  print(`${count} seeds ${Date.now() - t} ms, ${pres} presentations, ${calls} calls ${JSON.stringify(verdicts)}`)
  return 0
}
