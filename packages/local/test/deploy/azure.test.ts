import { expect, test } from '@jest/globals'
import { configNames as brokerNames } from '../../../../services/broker/src/config.js'
import { configNames as gatewayNames } from '../../../../services/gateway/src/config.js'
import { listFiles, readText } from './repository-files.js'

const files = listFiles('deploy/azure', '.bicep')
const textOf = (name: string): string => readText(`deploy/azure/${name}.bicep`)
const all = files.map((file) => readText(file)).join('\n')
const groups = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map(([, group]) => String(group))

test('every resource is of a version that Microsoft publishes as stable', () => {
  expect([...new Set(groups(all, /^resource \w+ '([^']+)'/gm))].sort()).toEqual([
    'Microsoft.App/containerApps@2025-07-01',
    'Microsoft.App/jobs@2025-07-01',
    'Microsoft.App/managedEnvironments@2025-07-01',
    'Microsoft.Authorization/roleAssignments@2022-04-01',
    'Microsoft.ContainerRegistry/registries@2025-11-01',
    'Microsoft.DBforPostgreSQL/flexibleServers/databases@2025-08-01',
    'Microsoft.DBforPostgreSQL/flexibleServers@2025-08-01',
    'Microsoft.KeyVault/vaults/secrets@2026-02-01',
    'Microsoft.KeyVault/vaults@2026-02-01',
    'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30',
    'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01',
    'Microsoft.Network/privateDnsZones@2024-06-01',
    'Microsoft.Network/virtualNetworks@2024-07-01',
    'Microsoft.OperationalInsights/workspaces@2025-07-01',
  ])
})

test('every module that is used exists, and every module is used', () => {
  const used = files.flatMap((file) => groups(readText(file), /^module \w+ '([^']+)'/gm))
  const existing = files.filter((file) => file.includes('/modules/')).map((file) => file.replace('deploy/azure/', ''))
  expect([...new Set(used)].sort()).toEqual(existing.sort())
})

test('no two deployments share a name: one is named after its template, one for each module by the template', () => {
  const templates = files
    .filter((file) => !file.includes('/modules/'))
    .map((file) => file.replace(/^.*\/|\.bicep$/g, ''))
  const modules = groups(all, /^module [^{]*\{\n(?:\s+\/\/.*\n)*\s+name: '([^']+)'/gm)
  expect(modules.length).toBe(groups(all, /^(module) /gm).length)
  expect([...templates, ...modules].length).toBe(new Set([...templates, ...modules]).size)
})

test.each([
  ['broker', brokerNames],
  ['gateway', gatewayNames],
])('every variable and secret of %s is one it reads', (name, known: readonly string[]) => {
  const variables = groups(textOf(name), /^\s+name: '([A-Z][A-Z_]+)'$/gm)
  const secrets = groups(textOf(name), /secretNames: (?:concat\()?\[([^\]]*)\]/g)
    .flatMap((list) => groups(list, /'([a-z-]+)'/g))
    .map((secret) => secret.toUpperCase().replaceAll('-', '_'))
  expect(secrets.length).toBeGreaterThan(0)
  expect([...variables, ...secrets].filter((each) => !known.includes(each))).toEqual([])
})

test('no secret stands in a template: all come from the key vault, the password as a secure parameter', () => {
  expect(groups(all, /^@secure\(\)\n(?:@.*\n)*param (\w+) string$/gm).sort()).toEqual(['databasePassword', 'password'])
  expect(groups(all, /^param (\w*(?:[pP]assword|[kK]ey|[sS]ecret)\w* string = .*)$/gm)).toEqual([])
  const secretVariables = groups(all, /name: '(ENCRYPTION_KEY|STATE_KEY|BROKER_API_KEY|DATABASE_URL)'\n\s+value:/g)
  expect(secretVariables).toEqual([])
})

test('the broker is private and never scaled to zero; the gateway is public over TLS only', () => {
  expect(groups(textOf('broker'), /external: (\w+)/g)).toEqual(['false', 'false'])
  expect(textOf('broker')).toMatch(/@minValue\(1\)\nparam minReplicas int = 1/)
  expect(groups(textOf('gateway'), /ingress: \{\n\s+external: (\w+)/g)).toEqual(['true', 'true'])
  expect(groups(all, /allowInsecure: (\w+)/g)).toEqual(['false', 'false', 'false'])
})

test('gRPC has an ingress that speaks h2c to the container', () => {
  expect(
    groups(textOf('gateway'), /(targetPort: \d+\n\s+transport: '\w+')/g).map((each) => each.replace(/\s+/g, ' ')),
  ).toEqual(["targetPort: 8090 transport: 'http'", "targetPort: 9090 transport: 'http2'"])
})

test('liveness asks the process alone; only readiness asks what stands behind it', () => {
  const probes = [...textOf('modules/service').matchAll(/type: '(\w+)'\n\s+httpGet: \{\n\s+path: '([^']+)'/g)]
  expect(Object.fromEntries(probes.map(([, type, path]) => [type, path]))).toEqual({
    Startup: '/healthz',
    Liveness: '/healthz',
    Readiness: '/readyz',
  })
  // The platform's own bounds, refused only when deployed.
  for (const threshold of groups(all, /failureThreshold: (\d+)/g)) expect(Number(threshold)).toBeLessThanOrEqual(10)
})

test('what is being served may drain before it is killed', () => {
  const drainSeconds = 25
  expect(Number(groups(all, /terminationGracePeriodSeconds: (\d+)/g)[0])).toBeGreaterThan(drainSeconds)
})

test('the migration runs once, when told to', () => {
  expect(textOf('migration')).toContain("triggerType: 'Manual'")
  expect(textOf('migration')).toContain('replicaRetryLimit: 0')
  expect(textOf('migration')).toContain("command: ['node', 'services/broker/dist/migrate.js']")
})
