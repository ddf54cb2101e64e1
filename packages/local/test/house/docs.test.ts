import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { errorReasons } from '@dromos/contract'
import { durationBucketsSeconds } from '@dromos/runtime'
import { describe, expect, test } from '@jest/globals'
import * as limits from '../../../../packages/contract/src/limits.js'
import * as broker from '../../../../services/broker/src/config.js'
import { providerProfileSchema } from '../../../../services/broker/src/domain/provider-profile.js'
import * as gateway from '../../../../services/gateway/src/config.js'
import { brokerEnvironment, DEFAULT_PORTS, gatewayService } from '../../src/stack/services.js'
import { codeOf, nameOf, readText, root, type Row, sourceText, tableRows, unionMembers } from './doc-page.js'

// Owns the promise that what the reference pages list is what the code has, both ways. What only a running service shows is
// in docs-live.test.ts.

describe('docs/architecture.md', () => {
  test('names no file that does not exist', () => {
    const prose = readText('docs/architecture.md').replaceAll(/^```[^]*?^```$/gm, '')
    const named = codeOf(prose).filter((code) => /^[\w./-]+\.ts$/.test(code))
    // Without a folder of its own at the top a path is one of the broker's, or of either service.
    const homes = ['', 'services/broker/src/', 'services/gateway/src/']
    expect(named.filter((path) => !homes.some((home) => existsSync(join(root, home, path))))).toEqual([])
    expect(named.length).toBeGreaterThan(40)
  })
})

describe('docs/errors.md', () => {
  const rows = tableRows(readText('docs/errors.md'), 'Reason')

  test('has one row for every reason, with its codes, and none besides', () => {
    const inCode = Object.entries(errorReasons).map(([reason, { http, grpc }]) => `${reason} ${http} ${grpc}`)
    expect(rows.map((row) => `${nameOf(row.Reason)} ${row.HTTP} ${row.gRPC}`).sort()).toEqual(inCode.sort())
  })

  test('says of every reason when it happens and what to do', () => {
    expect(rows.filter((row) => !row['When it happens'] || !row['What to do'])).toEqual([])
  })

  test('says of every reason that no service knows that it is not sent', () => {
    const sources = ['services/broker/src', 'services/gateway/src', 'packages/runtime/src'].map(sourceText).join('\n')
    const sent = (row: Row) => new RegExp(`['"]${nameOf(row.Reason)}['"]`).test(sources)
    const claimsUnsent = rows.filter((row) => /not sent/.test(row['When it happens'] ?? ''))
    expect(rows.filter((row) => !sent(row) && !claimsUnsent.includes(row))).toEqual([])
    expect(claimsUnsent.filter((row) => sources.includes(`ServiceError('${nameOf(row.Reason)}'`))).toEqual([])
  })
})

describe('docs/configuration.md', () => {
  const page = readText('docs/configuration.md')
  const services = [
    {
      heading: '## Broker',
      names: broker.configNames,
      parse: broker.parseConfig,
      needs: ['BASE_URL', 'DATABASE_URL', 'ENCRYPTION_KEY', 'STATE_KEY', 'ALLOWED_RETURN_DOMAINS'],
    },
    { heading: '## Gateway', names: gateway.configNames, parse: gateway.parseConfig, needs: [] },
  ]

  describe.each(services)('$heading', ({ heading, names, parse, needs }) => {
    const rows = tableRows(page, 'Variable', heading)

    test('has one row for every variable the code reads, and none besides', () => {
      expect(rows.map((row) => nameOf(row.Variable)).sort()).toEqual([...names].sort())
    })

    test('says which variables are required', () => {
      const required = rows.filter((row) => row.Default === 'required').map((row) => nameOf(row.Variable))
      expect(required.sort()).toEqual([...needs].sort())
      for (const name of required) {
        const others = required.filter((each) => each !== name)
        expect(() => parse(examplesOf(rows, others), readSecret)).toThrow(name)
      }
    })

    test('gives the defaults the code has', () => {
      const minimal = examplesOf(rows, needs)
      const defaults = rows.filter((row) => codeOf(row.Default).length === 1)
      const spelledOut = Object.fromEntries(defaults.map((row) => [nameOf(row.Variable), nameOf(row.Default)]))
      const keys = secrets()
      // As text: the gateway's networks are a closure.
      expect(JSON.stringify(parse({ ...spelledOut, ...minimal }, keys))).toBe(JSON.stringify(parse(minimal, keys)))
    })

    test('gives examples that are accepted together', () => {
      expect(() => parse(examplesOf(rows), readSecret)).not.toThrow()
    })
  })

  test('lists what npm start sets', () => {
    const ports = DEFAULT_PORTS
    const secrets = { encryptionKey: 'e', stateKey: 's', demoClientSecret: 'c' }
    const set = {
      broker: Object.keys(brokerEnvironment({}, ports, secrets, 'postgres://localhost/dromos')),
      gateway: Object.keys(gatewayService({}, ports, 'key').environment),
    }
    const inCode = Object.entries(set).flatMap(([service, names]) => {
      const known: readonly string[] = service === 'broker' ? broker.configNames : gateway.configNames
      return names.filter((name) => known.includes(name)).map((name) => `${service} ${name}`)
    })
    const rows = tableRows(page, 'Service').map((row) => `${row.Service} ${nameOf(row.Variable)}`)
    expect(rows.sort()).toEqual(inCode.sort())
  })
})

describe('docs/audit.md', () => {
  const rows = tableRows(readText('docs/audit.md'), 'Event')
  const emitted = ['flows', 'http', 'oauth', 'postgres', 'vault'].map((each) =>
    sourceText(`services/broker/src/${each}`),
  )
  const sources = [...emitted, readText('services/broker/src/compose.ts')].join('\n')

  test('has one row for every event, and none besides', () => {
    const inCode = unionMembers('services/broker/src/domain/events.ts', 'EventType')
    expect(rows.map((row) => nameOf(row.Event)).sort()).toEqual(inCode.sort())
  })

  test('says "not written" of exactly those events that nothing reports', () => {
    const isReported = (event: string): boolean =>
      [`type: '${event}'`, `, '${event}'`, `? '${event}'`, `: '${event}'`].some((text) =>
        sources.replaceAll(`ServiceError('${event}'`, '').includes(text),
      )
    const silent = rows.map((row) => nameOf(row.Event)).filter((event) => !isReported(event))
    const claimed = rows.filter((row) => /not written/i.test(row.When ?? '')).map((row) => nameOf(row.Event))
    expect(silent.sort()).toEqual(claimed.sort())
  })

  test('names no member of the data that the code does not have', () => {
    const members = rows.flatMap((row) => codeOf((row.Data ?? '').replaceAll(/\([^)]*\)/g, '')))
    const dead = [...new Set(members)].filter((name) => !new RegExp(`\\b${name}\\b`).test(sources))
    expect(dead).toEqual([])
  })
})

describe('docs/metrics.md', () => {
  test('names buckets that are those of the code', () => {
    const [, list = ''] = /buckets ([\d., and]+)\./.exec(readText('docs/metrics.md')) ?? []
    expect(list.match(/\d+(\.\d+)?/g)?.map(Number)).toEqual(durationBucketsSeconds)
  })
})

describe('docs/providers.md', () => {
  const page = readText('docs/providers.md')

  test('has one row for every member of a profile, and none besides', () => {
    const rows = tableRows(page, 'Field').map((row) => nameOf(row.Field))
    expect(rows.sort()).toEqual(Object.keys(providerProfileSchema.shape).sort())
  })

  test('has one row for every member of a nested object, and none besides', () => {
    const nested = ['response', 'error_in_200', 'refresh_policy', 'revocation', 'id_token'] as const
    const inCode = nested.flatMap((name) =>
      Object.keys(providerProfileSchema.shape[name].unwrap().unwrap().shape).map((member) => `${name}.${member}`),
    )
    expect(tableRows(page, 'Member').map((row) => nameOf(row.Member)).sort()).toEqual(inCode.sort())
  }) // prettier-ignore
})

describe('docs/operations.md', () => {
  test('has one row for every way a call of a provider can fail, and none besides', () => {
    const named = tableRows(readText('docs/operations.md'), 'Code').flatMap((row) => codeOf(row.Code ?? ''))
    const calls = 'services/broker/src/oauth/outbound-call.ts'
    const inCode = [
      ...unionMembers(calls, 'UnsentCause'),
      ...unionMembers('services/broker/src/oauth/tls-cause.ts', 'TlsCause'),
      ...unionMembers(calls, 'DoubtCause'),
    ]
    expect(named.sort()).toEqual(inCode.sort())
  })
})

describe('docs/limits.md', () => {
  const rows = tableRows(readText('docs/limits.md'), 'Limit').map((row) => [nameOf(row.Limit), row.Value])

  test('repeats every limit of the one file, with its number, and none besides', () => {
    const inCode = Object.values(limits).flatMap((group) =>
      Object.entries(group).map(([name, value]) => [name, value.toLocaleString('en')]),
    )
    expect(new Set(inCode.map(([name]) => name)).size).toBe(inCode.length)
    expect(rows.sort()).toEqual(inCode.sort())
  })

  test('is about numbers that the services use', () => {
    const sources = ['services/broker/src', 'services/gateway/src', 'packages/runtime/src'].map(sourceText).join('\n')
    const channelOptions = Object.keys(limits.grpcLimits) // handed to the server as a whole
    const names = Object.values(limits).flatMap(Object.keys)
    expect(
      names.filter((name) => !channelOptions.includes(name) && !new RegExp(`\\b${name}\\b`).test(sources)),
    ).toEqual([])
    expect(sources).toContain('new Server(grpcLimits)')
  })
})

/** Examples as an environment: `value`, or `NAME_FILE=path` where a file is meant. */
function examplesOf(rows: readonly Row[], only?: readonly string[]): Record<string, string> {
  const wanted = rows.filter((row) => only === undefined || only.includes(nameOf(row.Variable)))
  return Object.fromEntries(
    wanted.map((row) => {
      const [name, example] = [nameOf(row.Variable), nameOf(row.Example)]
      return example.startsWith(`${name}_FILE=`) ? [`${name}_FILE`, example.slice(name.length + 6)] : [name, example]
    }),
  )
}

/** A file of a secret, each with its own. */
function secrets(): (path: string) => string {
  const held = new Map<string, string>()
  return (path) => {
    const known = held.get(path) ?? (path.endsWith('.pem') ? certificate : randomBytes(32).toString('base64'))
    held.set(path, known)
    return `${known}\n`
  }
}

const certificate = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----'
const readSecret = secrets()
