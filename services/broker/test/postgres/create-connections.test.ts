import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { NewAuthorizationRequest } from '../../src/flows/ports/connections.js'
import {
  authorizationRequest,
  eventAbout,
  givenPending,
  givenProvider,
  startStores,
  type TestStores,
} from './start-stores.js'

// Owns the claims about connections that are created in the same moment and share a statement.

let stores: TestStores
let providerId: string
beforeAll(async () => {
  stores = await startStores()
  providerId = await givenProvider(stores)
  await stores.sql(
    `insert into tenants (id, name, requires_completion) values ('small', 'small', false), ('strict', 'strict', true)`,
  )
})
afterAll(() => stores.stop())

const createOf = (request: NewAuthorizationRequest) =>
  stores.connections.create(
    {
      key: request.key,
      workspaceId: request.workspaceId,
      providerId: request.providerId,
      createdBy: 'operator',
      requestedScopes: request.scopes,
    },
    request,
    eventAbout(request.key, 'connection.created'),
  )

const wanted = (tenantId: string, members: Partial<NewAuthorizationRequest> = {}): NewAuthorizationRequest => {
  const request = authorizationRequest({ providerId, ...members })
  return { ...request, key: { ...request.key, tenantId } }
}

test('those of the same moment share few commits, and each is judged by the rules of its own tenant', async () => {
  const requests = Array.from({ length: 30 }, (_, turn) =>
    wanted(['default', 'small', 'strict'][turn % 3] ?? '', { openAtMost: turn % 3 === 1 ? 4 : 1_000 }),
  )
  const outcomes = await Promise.all(requests.map(createOf))
  const kindsOf = (tenant: number) => outcomes.filter((_, turn) => turn % 3 === tenant).map(({ kind }) => kind)
  expect(kindsOf(0)).toEqual(Array(10).fill('stored'))
  expect(kindsOf(1)).toEqual([...Array(4).fill('stored'), ...Array(6).fill('too_many')])
  expect(kindsOf(2)).toEqual(Array(10).fill('completion_required'))
  const commits = await stores.sql(
    `select count(distinct xmin::text)::int as count from connections where status = 'pending'`,
  )
  expect(commits).toEqual([{ count: 1 }])
})

test('one that the tables refuse takes no other with it', async () => {
  const taken = await givenPending(stores, { providerId })
  const [before, refused, after] = [wanted('default'), wanted('default', { id: taken.id }), wanted('default')]
  const settled = await Promise.allSettled([before, refused, after].map(createOf))
  expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(await stores.connections.view(refused.key)).toBeUndefined()
  for (const { key } of [before, after]) expect(await stores.connections.view(key)).toMatchObject({ status: 'pending' })
})

test('a NUL is refused to the one who sent it, half a surrogate pair is replaced', async () => {
  const half = wanted('default', { workspaceId: 'user \ud800' })
  const settled = await Promise.allSettled([half, wanted('default', { workspaceId: 'user \u0000' })].map(createOf))
  expect(settled).toMatchObject([{ value: { kind: 'stored' } }, { reason: { reason: 'invalid_request' } }])
  expect(await stores.authorizationRequests.find('default', half.id)).toMatchObject({ workspaceId: 'user \ufffd' })
})

test('the limit holds for those that come one after the other, though not each of them is counted', async () => {
  await stores.sql(`insert into tenants (id, name) values ('busy', 'busy')`)
  const kinds: string[] = []
  for (let turn = 0; turn < 12; turn++)
    kinds.push((await createOf(wanted('busy', { openAtMost: turn < 11 ? 8 : 9 }))).kind)
  expect(kinds).toEqual([...Array<string>(8).fill('stored'), ...Array<string>(3).fill('too_many'), 'stored'])
})
