import { holdPoints } from '../holds.js'
import { labEndpoints } from '../request.js'
import { fieldsOf, queryFields } from './fields.js'
import { ControlError, orConflict } from './problem.js'
import { created, noContent, ok, onProvider, type Route, type TenantCall } from './route.js'
import { readSwitchMode, requireSwitch } from './tenant-input.js'
import { tenantView } from './tenant-view.js'

const longestWaitMs = 60_000

const routes: readonly Route<TenantCall>[] = [
  { method: 'GET', path: '/ctl/t/{id}', does: 'its configuration', answer: ({ provider }) => ok(tenantView(provider)) },
  {
    method: 'DELETE',
    path: '/ctl/t/{id}',
    does: 'forgets it',
    answer: ({ lab, provider }) => {
      lab.removeProvider(provider.id)
      return noContent
    },
  },
  {
    method: 'PUT',
    path: '/ctl/t/{id}/switch/{name}',
    does: 'turns a switch on: {mode: always|times|nth|prob, n, p, value, only}',
    answer: ({ provider, params, body }) => {
      const name = requireSwitch(params['name'] ?? '')
      const how = readSwitchMode(fieldsOf(body ?? {}))
      orConflict('not turned on', () => provider.turnOn(name, how))
      return ok(tenantView(provider)['switches'])
    },
  },
  {
    method: 'DELETE',
    path: '/ctl/t/{id}/switch/{name}',
    does: 'turns a switch off',
    answer: ({ provider, params }) => {
      provider.turnOff(requireSwitch(params['name'] ?? ''))
      return ok(tenantView(provider)['switches'])
    },
  },
  {
    method: 'DELETE',
    path: '/ctl/t/{id}/switch',
    does: 'turns every switch off',
    answer: ({ provider }) => {
      for (const { name } of provider.switches()) provider.turnOff(name)
      return noContent
    },
  },
  {
    method: 'GET',
    path: '/ctl/t/{id}/journal',
    does: 'every request, raw and parsed, oldest first: ?endpoint=token&after=SEQ',
    answer: ({ provider, query }) => {
      const fields = queryFields(query, ['after'])
      const after = fields.number('after', { min: 0, whole: 'whole' }) ?? 0
      const endpoint = fields.choice('endpoint', labEndpoints)
      fields.end()
      return ok(provider.journal(endpoint).filter(({ seq }) => seq > after))
    },
  },
  {
    method: 'GET',
    path: '/ctl/t/{id}/oracle',
    does: 'the truth: families, current refresh tokens, generations, reuses',
    answer: ({ provider }) => ok(provider.oracle()),
  },
  {
    method: 'POST',
    path: '/ctl/t/{id}/clock',
    does: 'moves its time: {advance_ms}, negative to run behind',
    answer: ({ provider, body }) => {
      provider.clock.advance(
        required(
          readOne(body, 'advance_ms', (fields, name) => fields.number(name)),
          'advance_ms',
        ),
      )
      return ok({ now_ms: provider.clock.now() })
    },
  },
  {
    method: 'POST',
    path: '/ctl/t/{id}/rotate-keys',
    does: 'a new signing key; the old one leaves the JWKS at once',
    answer: ({ provider }) => {
      provider.rotateKeys()
      return noContent
    },
  },
  {
    method: 'POST',
    path: '/ctl/t/{id}/revoke',
    does: 'ends what a token stands for: {token}',
    answer: ({ provider, body }) => ok({ revoked: provider.revoke(requiredText(body, 'token')) }),
  },
  {
    method: 'POST',
    path: '/ctl/t/{id}/revoke-user',
    does: 'the person removes the client: {subject}',
    answer: ({ provider, body }) => {
      provider.revokeSubject(requiredText(body, 'subject'))
      return noContent
    },
  },
  {
    method: 'POST',
    path: '/ctl/t/{id}/issue',
    does: 'a live grant without a browser: {subject, scope, nonce}',
    answer: ({ provider, body }) => {
      const fields = fieldsOf(body ?? {})
      const [subject, scope, nonce] = ['subject', 'scope', 'nonce'].map((name) => fields.text(name))
      fields.end()
      const wish = { ...(subject && { subject }), ...(scope && { scope }), ...(nonce && { nonce }) }
      const { accessToken, refreshToken, idToken } = provider.issue(wish)
      return created({ access_token: accessToken, refresh_token: refreshToken, id_token: idToken })
    },
  },
  {
    method: 'POST',
    path: '/ctl/t/{id}/hold',
    does: `stops the next token request at {point}: ${holdPoints.join(', ')}`,
    answer: ({ provider, holds, body }) => {
      const point = readOne(body, 'point', (fields, name) => fields.choice(name, holdPoints))
      return created(holds.set(provider, required(point, 'point')))
    },
  },
  {
    method: 'GET',
    path: '/ctl/t/{id}/hold/{hold}',
    does: 'whether a request stands there; ?wait_ms=5000 waits for it',
    answer: async ({ provider, holds, params, query }) => {
      const name = params['hold'] ?? ''
      const fields = queryFields(query, ['wait_ms'])
      const waitMs = fields.number('wait_ms', { min: 0, max: longestWaitMs }) ?? 0
      fields.end()
      return ok(await holds.reached(provider, name, waitMs).then((view) => view ?? noHold(name)))
    },
  },
  {
    method: 'POST',
    path: '/ctl/t/{id}/release',
    does: 'lets a held request go on: {hold}, or all of them',
    answer: ({ provider, holds, body }) => {
      const name = readOne(body ?? {}, 'hold', (fields, member) => fields.text(member))
      if (name !== undefined && !holds.find(provider, name)) noHold(name)
      return ok({ released: holds.release(provider, name) })
    },
  },
]

/** What can be done to one provider; each path starts with /ctl/t/{id}. */
export const tenantRoutes: readonly Route[] = routes.map(onProvider)

function readOne<T>(body: unknown, name: string, read: (fields: ReturnType<typeof fieldsOf>, name: string) => T): T {
  const fields = fieldsOf(body ?? {})
  const value = read(fields, name)
  fields.end()
  return value
}

const requiredText = (body: unknown, name: string): string =>
  required(
    readOne(body, name, (fields, member) => fields.text(member)),
    name,
  )

function required<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new ControlError(400, 'missing member', `the body must have a member ${name}`)
  return value
}

function noHold(name: string): never {
  throw new ControlError(404, 'no such hold', `there is no hold '${name}': POST …/hold sets one and tells its name`)
}
