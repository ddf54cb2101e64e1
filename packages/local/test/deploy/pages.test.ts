import { expect, test } from '@jest/globals'
import { existsSync } from 'node:fs'
import { posix } from 'node:path'
import { parse } from 'yaml'
import { configNames as brokerNames } from '../../../../services/broker/src/config.js'
import { listFiles, pathOf, readText } from './repository-files.js'

const pages = ['docs/deployment.md', 'deploy/README.md', 'deploy/azure/README.md']

test.each(pages)('every file of the repository that %s names exists', (page) => {
  const links = [...readText(page).matchAll(/\]\(([^)#:]+)/g)].map(([, link = '']) =>
    posix.join(posix.dirname(page), link),
  )
  const named = [...readText(page).matchAll(/\b(?:deploy|services|docs)\/[\w./-]*\w/g)].map(([path]) => path)
  // What a command runs is compiled, what is committed is its source.
  const sources = [...links, ...named].map((path) => path.replace(/\/dist\/(\w+)\.js$/, '/src/$1.ts'))
  expect(sources.filter((path) => !existsSync(pathOf(path)))).toEqual([])
})

test('every template has its step in the page about Azure, in the order of a deployment', () => {
  const steps = [...readText('deploy/azure/README.md').matchAll(/-f deploy\/azure\/(\w+)\.bicep/g)].map(
    ([, name]) => name,
  )
  expect([...new Set(steps)]).toEqual(['foundation', 'migration', 'broker', 'gateway'])
  const templates = listFiles('deploy/azure', '.bicep').filter((file) => !file.includes('/modules/'))
  expect(templates.length).toBe(new Set(steps).size)
})

test('the example for Kubernetes is YAML, keeps the rules of the others and names variables the broker reads', () => {
  const [, yaml = ''] = /```yaml\n([\s\S]*?)```/.exec(readText('docs/deployment.md')) ?? []
  const { spec } = parse(yaml) as { spec: { containers: [{ env: { name: string }[] } & Record<string, unknown>] } }
  const [container] = spec.containers
  expect(
    container.env
      .map(({ name }) => name.replace(/_FILE$/, ''))
      .filter((name) => !brokerNames.some((each) => each === name)),
  ).toEqual([])
  expect(container).toMatchObject({
    securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    livenessProbe: { httpGet: { path: '/healthz' } },
    readinessProbe: { httpGet: { path: '/readyz' } },
  })
  expect(spec).toMatchObject({ securityContext: { runAsNonRoot: true } })
})
