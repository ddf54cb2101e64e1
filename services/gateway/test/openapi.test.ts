import { errorReasons, isErrorReason } from '@dromos/contract'
import { createLogger } from '@dromos/runtime'
import { describe, expect, test } from '@jest/globals'
import { createBrokerClient } from '../src/broker-client.js'
import { parseConfig } from '../src/config.js'
import { listRoutes } from '../src/http/server.js'
import { createLifecycle } from '../src/lifecycle.js'
import { createOperations } from '../src/operations.js'
import { createReporting } from '../src/reporting.js'
import { examplesOf, membersOf, readOpenapi, type Members } from './openapi-document.js'

const { document, operations, resolve, problemsOf } = readOpenapi()

function routesInCode(): { name: string; needsKey: boolean }[] {
  const config = parseConfig({})
  const reporting = createReporting()
  const broker = createBrokerClient(config, reporting)
  const parts = { config, broker, reporting, log: createLogger({ service: 'gateway', level: 'silent' }) }
  return listRoutes({ ...parts, operations: createOperations(broker), lifecycle: createLifecycle(broker) }).map(
    ({ method, path }) => ({
      name: `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`,
      needsKey: path.startsWith('/v1/') && !path.includes('capture'),
    }),
  )
}

test('every route is documented and every documented route exists', () => {
  expect(operations.map(({ name }) => name).sort()).toEqual(
    routesInCode()
      .map(({ name }) => name)
      .sort(),
  )
})

test('a key is documented as needed exactly where it is', () => {
  const documented = operations.filter(({ node }) => node.security === undefined).map(({ name }) => name)
  const inCode = routesInCode().filter(({ needsKey }) => needsKey)
  expect(documented.sort()).toEqual(inCode.map(({ name }) => name).sort())
})

test('no operation id is used twice', () => {
  const ids = operations.map(({ node }) => node.operationId)
  expect(new Set(ids).size).toBe(ids.length)
})

test('every reference leads somewhere', () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1] ?? '')
  expect(references.filter(($ref) => Object.keys(resolve({ $ref })).length === 0)).toEqual([])
  expect(references.length).toBeGreaterThan(50)
})

const media: [title: string, status: number, media: Members][] = operations.flatMap(({ name, node }) => {
  const request = membersOf(membersOf(resolve(node.requestBody).content)['application/json'])
  const answers = Object.entries(membersOf(node.responses)).map(([status, answer]): [string, number, Members] => [
    `${name} ${status}`,
    Number(status),
    membersOf(membersOf(resolve(answer).content)['application/json']),
  ])
  return [[`${name} request`, 0, request], ...answers]
})

describe('the examples of', () => {
  test.each(media.filter(([, , each]) => examplesOf(each).length > 0))(
    '%s fit their schema',
    (_title, status, each) => {
      for (const [name, value] of examplesOf(each)) {
        expect([name, problemsOf(each.schema ?? {}, value)]).toEqual([name, []])
        const { code } = membersOf(value)
        if (!isErrorReason(code)) continue
        const { http, title } = errorReasons[code]
        expect(value).toMatchObject({ status: http, title, error: code, type: `urn:dromos:error:${code}` })
        expect(http).toBe(status)
      }
    },
  )

  test('the token, the consent and every JSON request exist', () => {
    const without = media.filter(
      ([title, , each]) => /request$|200$/.test(title) && each.schema && !examplesOf(each).length,
    )
    expect(without).toEqual([])
  })
})
