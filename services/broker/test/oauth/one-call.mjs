// Sends one POST through the broker's egress guard and prints what came of it: frozen-call.test.ts freezes it meanwhile.
import { createOutbound } from '../../dist/oauth/outbound-fetch.js'

const [port, totalMs] = process.argv.slice(2).map(Number)
const outbound = createOutbound({
  allowedPrivateNetworks: ['127.0.0.0/8'],
  onRefused: () => {},
  limits: { totalMs },
})
const result = await outbound.send({
  url: `http://127.0.0.1:${port}/token`,
  method: 'POST',
  body: 'grant_type=refresh_token',
  reads: { upToBytes: 1000 },
})
process.stdout.write(JSON.stringify(result))
