import { expect, test } from '@jest/globals'
import { configNames as brokerNames } from '../../../../services/broker/src/config.js'
import { databaseNames } from '../../../../services/broker/src/database-config.js'
import { configNames as gatewayNames } from '../../../../services/gateway/src/config.js'
import { readCompose, readText } from './repository-files.js'

const { services, networks } = readCompose()
const every = Object.entries(services)

/** The service that builds an image; the others that run it take it from there. */
const builderOf = (image: string) => every.find(([, each]) => each.image === image && each.build !== undefined)?.[1]

test('every image is pinned to an exact version, or built here', () => {
  const floating = every.filter(
    ([, { image }]) => builderOf(image) === undefined && !/:v?\d+\.\d+(\.\d+)?(-[a-z]+)?$/.test(image),
  )
  expect(floating).toEqual([])
})

test('no image is built twice: two builds of one tag at the same time fail', () => {
  const built = every.filter(([, { build }]) => build !== undefined).map(([, { image }]) => image)
  expect(built.length).toBe(new Set(built).size)
})

test('no service runs as root, writes to its image, or can gain a right it was not given', () => {
  for (const [name, service] of every) {
    expect([name, service.read_only, service.cap_drop]).toEqual([name, true, ['ALL']])
    expect([name, service.security_opt]).toEqual([name, ['no-new-privileges:true']])
    const user = service.user ?? /^USER (.+)$/m.exec(readText(builderOf(service.image)?.build?.dockerfile ?? ''))?.[1]
    expect([name, user]).toEqual([name, expect.stringMatching(/^[1-9]\d*:[1-9]\d*$/)])
  }
})

test('only the gateway is published, and only on this machine', () => {
  expect(every.filter(([, { ports }]) => ports !== undefined).map(([name]) => name)).toEqual(['gateway'])
  for (const port of services.gateway?.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/)
})

test('the database is reached by the broker and its migration, and reaches nothing', () => {
  expect(networks.database).toEqual({ internal: true })
  const onIt = every.filter(([, service]) => service.networks.includes('database')).map(([name]) => name)
  expect(onIt).toEqual(['postgres', 'migrate', 'broker'])
  expect(services.postgres?.networks).toEqual(['database'])
})

test('no secret has a value that works without one being made', () => {
  const secrets = every.flatMap(([name, { environment = {} }]) =>
    Object.entries(environment)
      .filter(([variable]) => /KEY|PASSWORD|SECRET|DATABASE_URL/.test(variable))
      .map(([variable, value]) => ({ name, variable, value })),
  )
  expect(secrets.length).toBeGreaterThan(6)
  for (const secret of secrets)
    expect(secret).toEqual({
      ...secret,
      value: expect.stringMatching(/^(postgres:\/\/dromos:)?\$\{\w+:(\?[^}]+|-)\}(@postgres:5432\/dromos)?$/),
    })
})

test.each([
  ['broker', brokerNames],
  ['gateway', gatewayNames],
  ['migrate', databaseNames],
])('every variable of %s is one it reads', (name, known: readonly string[]) => {
  const names = Object.keys(services[name]?.environment ?? {})
  expect(names.length).toBeGreaterThan(0)
  expect(names.filter((each) => !known.includes(each))).toEqual([])
})

test('a service starts when what it needs works, and the schema is up to date before the broker', () => {
  expect(services.migrate?.depends_on).toEqual({ postgres: { condition: 'service_healthy' } })
  expect(services.broker?.depends_on).toEqual({
    postgres: { condition: 'service_healthy' },
    migrate: { condition: 'service_completed_successfully' },
  })
  expect(services.gateway?.depends_on).toEqual({ broker: { condition: 'service_healthy' } })
  expect(services.migrate?.command).toEqual(['node', 'services/broker/dist/migrate.js'])
})

test('every service that stays says whether it works, without a shell', () => {
  for (const [name, { restart, healthcheck }] of every.filter(([, service]) => service.restart !== 'no'))
    expect([name, restart, healthcheck?.test?.[0]]).toEqual([name, 'unless-stopped', 'CMD'])
  expect(services.migrate?.healthcheck).toEqual({ disable: true })
})

test('what is being served may drain before it is killed', () => {
  const drainSeconds = 25
  for (const name of ['broker', 'gateway'])
    expect(Number(/^(\d+)s$/.exec(services[name]?.stop_grace_period ?? '')?.[1])).toBeGreaterThan(drainSeconds)
})

test('the metrics are on a port of their own, which is not published', () => {
  expect(services.broker?.environment?.METRICS_PORT).toBe('9100')
  expect(services.gateway?.environment?.METRICS_PORT).toBe('9100')
  expect(services.gateway?.ports?.join()).not.toContain('9100')
})
