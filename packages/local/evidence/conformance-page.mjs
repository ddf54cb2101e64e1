// Owns the page docs/conformance.md: written from the modules of the suite's plans and from the results of their tests.
// Does not own running them (bin/conformance.mjs).
import { readFileSync } from 'node:fs'

export const pageFile = new URL('../../../docs/conformance.md', import.meta.url)
const plansFile = new URL('../../../services/broker/test/conformance/modules.json', import.meta.url)

/** [{ plan, suite, modules: [{ id, reason? }] }]; `reason` says why a module has no test, and is shown only then. */
export const readPlans = () => JSON.parse(readFileSync(plansFile, 'utf8'))

/** The module a test stands for: the first word of its title; undefined when it stands for none. */
export const moduleOf = (title) => /^(oidcc-client|fapi2-security-profile)[\w-]*/.exec(title)?.[0]

const head = `# Conformance

The relying-party plans of the OpenID conformance suite, module by module, against our own provider lab, which misbehaves as the
suite's does: what counts is what both sides saw. Written by \`npm run conformance\` from the results of the tests below
\`services/broker/test/conformance\`; a test compares this page with the modules that have one. It is no certification: that
takes the suite itself.
`

/** `results`: [{ title, isPassed, file }]. Throws when a test stands for a module that no plan has. */
export function renderPage(plans, results) {
  const known = new Set(plans.flatMap(({ modules }) => modules.map(({ id }) => id)))
  const strays = results.map(({ title }) => moduleOf(title)).filter((id) => id !== undefined && !known.has(id))
  if (strays.length > 0) throw new Error(`in no plan of modules.json: ${strays.join(', ')}`)
  return [head, ...plans.map((plan) => renderPlan(plan, results))].join('\n')
}

function renderPlan({ plan, suite, modules }, results) {
  const rows = modules.map(({ id, reason }) => {
    const own = results.filter(({ title }) => moduleOf(title) === id)
    if (own.length === 0) return `| \`${id}\` | not tested | ${reason ?? 'no reason given'} |`
    const tests = [...new Set(own.map(({ title, file }) => `${title} (${file})`))].sort()
    return `| \`${id}\` | ${own.every(({ isPassed }) => isPassed) ? 'passed' : 'FAILED'} | ${tests.join('<br>')} |`
  })
  const passed = rows.filter((row) => row.includes('| passed |')).length
  const summary = `\`${suite}\`: ${passed} of ${modules.length} passed.`
  return [
    `## ${plan}`,
    '',
    summary,
    '',
    '| Module | Result | Test, or why there is none |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}
