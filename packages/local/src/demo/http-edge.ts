import { call, textOf } from '../stack/broker-api.js'
import type { Edge } from './edge.js'

/** The gateway's HTTP API. */
export function httpEdge(gateway: string, apiKey: string): Edge {
  return {
    name: 'HTTP',
    async requestConnection({ userId, provider, returnUrl }) {
      const body = { user_id: userId, provider_name: provider, return_url: returnUrl }
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
    close() {},
  }
}
