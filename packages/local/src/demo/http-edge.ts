import { call, isRecord, refusal, textOf } from '../stack/broker-api.js'
import type { Edge, Requested, Seen } from './edge.js'

/** The gateway's HTTP API. */
export function httpEdge(gateway: string, apiKey: string): Edge {
  const connections = `${gateway}/v1/connections`
  const ask = async (id: string, verb: 'reconnect' | 'step-up', body: object): Promise<Requested> => {
    const answer = await call('POST', `${connections}/${id}/${verb}`, apiKey, body)
    const what = `POST /v1/connections/{id}/${verb}`
    return { connectionId: textOf(answer, 'connection_id', what), authUrl: textOf(answer, 'authUrl', what) }
  }
  const see = async (method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<Seen> => {
    const answer = await call(method, `${connections}/${path}`, apiKey, body)
    const scopes = isRecord(answer.body) ? answer.body['granted_scopes'] : undefined
    const status = textOf(answer, 'status', `${method} /v1/connections/{id}${path.replace(/^[^/]+/, '')}`)
    return { status, grantedScopes: Array.isArray(scopes) ? scopes.map(String) : [] }
  }
  return {
    name: 'HTTP',
    async requestConnection({ userId, provider, scopes, returnUrl }) {
      const body = { user_id: userId, provider_name: provider, scopes, return_url: returnUrl }
      const answer = await call('POST', `${gateway}/v1/request-connection`, apiKey, body)
      const what = 'POST /v1/request-connection'
      return { connectionId: textOf(answer, 'connection_id', what), authUrl: textOf(answer, 'authUrl', what) }
    },
    async checkConnection(id) {
      return textOf(
        await call('GET', `${gateway}/v1/check-connection/${id}`, apiKey),
        'status',
        'GET /v1/check-connection',
      )
    },
    async getToken(id) {
      return textOf(await call('GET', `${gateway}/v1/token/${id}`, apiKey), 'access_token', 'GET /v1/token')
    },
    async refreshConnection(id) {
      return textOf(await call('POST', `${gateway}/v1/refresh/${id}`, apiKey), 'access_token', 'POST /v1/refresh')
    },
    async listConnections(userId) {
      const answer = await call('GET', `${connections}?user_id=${encodeURIComponent(userId)}`, apiKey)
      const data = isRecord(answer.body) ? answer.body['data'] : undefined
      if (!Array.isArray(data)) throw refusal(answer, 'GET /v1/connections')
      return data.map((each: unknown) => (isRecord(each) ? String(each['connection_id']) : ''))
    },
    getConnection: (id) => see('GET', id),
    stepUp: (id, { scopes, returnUrl }) => ask(id, 'step-up', { scopes, return_url: returnUrl }),
    reconnect: (id, { returnUrl, completionChallenge }) =>
      ask(id, 'reconnect', { return_url: returnUrl, completion_challenge: completionChallenge }),
    complete: (id, { connectCode, userId, verifier }) =>
      see('POST', `${id}/complete`, { connect_code: connectCode, user_id: userId, completion_verifier: verifier }),
    disconnect: (id) => see('DELETE', id),
    close() {},
  }
}
