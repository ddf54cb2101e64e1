import { register } from 'node:module'
register('./typescript-hooks.mjs', import.meta.url)
const { defects } = await import('./defects.ts')
const { run } = await import('./run.ts')
const { scenarioOf } = await import('./seeds.ts')
const N = Number(process.argv[2] ?? 20000)
for (const d of defects) {
  const tally = {}
  for (let seed = 1; seed <= N; seed++) {
    const s = scenarioOf(seed, { protocol: d.protocol })
    for (const v of run(s).violations) { const t = tally[v.invariant] ??= { n: 0, first: seed, text: s.provider + ' ' + v.text.slice(0, 110) }; t.n++ }
  }
  console.log(d.title, d.breaks.join(), JSON.stringify(tally, null, 0))
}
