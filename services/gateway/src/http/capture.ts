import { ServiceError } from '@dromos/contract'
import { readJson, sendJson } from '@dromos/runtime'
import type { BrokerAnswer } from '../broker-answer.js'
import { acceptJson } from '../broker-answer.js'
import type { BrokerClient } from '../broker-client.js'
import { assertSignedState } from '../signed-state.js'
import type { ContextReader } from './call-context.js'
import { browserHeaders } from './forward.js'
import { relayCookies, relayJson } from './relay.js'
import type { Route } from './routes.js'

/**
 * The routes of an application that shows the credential form itself. No API key: a state is good for one pending
 * connection, and a browser calls. With `stateKeys`, foreign states end here.
 */
export function captureRoutes(broker: BrokerClient, contexts: ContextReader, stateKeys: readonly Buffer[]): Route[] {
  const acceptState = (value: unknown): string => {
    if (value === undefined || value === null || value === '')
      throw new ServiceError('missing_fields', 'missing: state')
    if (typeof value !== 'string') throw new ServiceError('invalid_request', 'state must be a single string')
    if (stateKeys.length > 0) assertSignedState(value, stateKeys)
    return value
  }
  return [
    {
      method: 'GET',
      path: '/v1/capture-schema',
      async handle(request, response) {
        const state = acceptState(request.query.state)
        const answer = await broker.call(contexts.browser(request, response), {
          operation: 'capture_schema',
          method: 'GET',
          path: `/auth/capture-schema?${new URLSearchParams({ state }).toString()}`,
          headers: browserHeaders(request),
          repeat: 'safe',
        })
        relayCookies(response, answer)
        relayJson(response, answer)
      },
    },
    {
      method: 'POST',
      path: '/v1/capture-credential',
      body: readJson,
      async handle(request, response) {
        const { state, credentials } = parseCapture(request.body)
        const answer = await broker.exchange(contexts.browser(request, response), {
          operation: 'capture_credential',
          method: 'POST',
          path: '/auth/capture-credential',
          headers: { ...browserHeaders(request), 'content-type': 'application/json' },
          body: JSON.stringify({ state: acceptState(state), credentials }),
          repeat: 'once',
        })
        relayCookies(response, answer)
        sendJson(response, 200, describeRedirect(answer))
      },
    },
  ]
}

type Members = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function parseCapture(body: unknown): { state: unknown; credentials: Members } {
  if (!isObject(body)) throw new ServiceError('invalid_request', 'the body must be a JSON object')
  const { state, credentials } = body
  if (credentials === undefined || credentials === null) {
    const missing = state === undefined ? 'state, credentials' : 'credentials'
    throw new ServiceError('missing_fields', `missing: ${missing}`)
  }
  if (!isObject(credentials)) throw new ServiceError('invalid_request', 'credentials must be an object')
  return { state, credentials }
}

// The broker sends a browser back to the application; a page that called us with fetch gets the same as JSON.
function describeRedirect(answer: BrokerAnswer): { connection_id: string; status: string; redirect_url: string } {
  const location = answer.headers.location
  if (![302, 303].includes(answer.status) || typeof location !== 'string' || !URL.canParse(location)) {
    acceptJson(answer)
    throw new ServiceError('broker_invalid_response', 'the broker did not say where to go next')
  }
  const { searchParams } = new URL(location)
  const [connectionId, status] = [searchParams.get('connection_id'), searchParams.get('status')]
  if (connectionId === null || status === null)
    throw new ServiceError('broker_invalid_response', 'the broker did not say which connection was made')
  return { connection_id: connectionId, status, redirect_url: location }
}
