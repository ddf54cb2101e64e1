import { call, textOf } from './broker-api.js'
import { urlsOf, type Ports } from './services.js'
import type { DevFile } from './stack-files.js'

/** Asks for one connection, so that there is a consent page to open and an id to copy. */
export async function firstConnection(info: DevFile, ports: Ports): Promise<{ authUrl: string; connectionId: string }> {
  const answer = await call('POST', `${info.gateway.url}/v1/request-connection`, info.apiKey, {
    user_id: 'developer',
    provider_name: info.provider.name,
    return_url: urlsOf(ports).returnUrl,
  })
  const what = 'asking for a first connection'
  return { authUrl: textOf(answer, 'authUrl', what), connectionId: textOf(answer, 'connection_id', what) }
}

/** Everything a newcomer wants to copy: where things are, each v1 call, and a page to open. */
export function announcement(info: DevFile, ports: Ports, first: { authUrl: string; connectionId: string }): string {
  const gateway = info.gateway.url
  const request = JSON.stringify({
    user_id: 'developer',
    provider_name: info.provider.name,
    return_url: urlsOf(ports).returnUrl,
  })
  return `
Dromos is running. Ctrl-C stops it.

  gateway             ${gateway}   gRPC ${info.gateway.grpc}
  broker              ${info.broker.url}
  identity provider   ${info.provider.issuer}   (any login, any password)
  keys and addresses  .dromos/dev.json           logs: .dromos/logs/

1. Open this page, sign in and consent:

${first.authUrl}

2. Then use the connection from another terminal:

export DROMOS_KEY='${info.apiKey}' ID='${first.connectionId}'
curl -s -H "X-API-Key: $DROMOS_KEY" ${gateway}/v1/check-connection/$ID
curl -s -H "X-API-Key: $DROMOS_KEY" ${gateway}/v1/token/$ID
curl -s -H "X-API-Key: $DROMOS_KEY" -X POST ${gateway}/v1/refresh/$ID

3. Ask for more connections, and see what one can connect to:

curl -s -H "X-API-Key: $DROMOS_KEY" -H 'Content-Type: application/json' -d '${request}' ${gateway}/v1/request-connection
curl -s -H "X-API-Key: $DROMOS_KEY" ${gateway}/v1/providers

The same walk without a browser: npm run demo
`
}
