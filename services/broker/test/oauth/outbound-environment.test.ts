import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { selfSigned as selfSignedCertificate } from 'dromos-lab'
import { expect, test } from '@jest/globals'
import { startHttp, startHttps } from './raw-server.js'

// A process of its own, because the variables are read by Node itself and not from what a test can replace.
const guard = new URL('../../dist/oauth/outbound-fetch.js', import.meta.url).href
const script = `
  const { createOutbound } = await import(process.argv[1])
  const outbound = createOutbound({
    allowedPrivateNetworks: ['127.0.0.0/8'],
    onRefused: () => undefined,
    resolve: async () => ['127.0.0.1'],
  })
  const request = { method: 'POST', body: 'client_secret=s', reads: { upToBytes: 100 } }
  const results = []
  for (const url of process.argv.slice(2)) results.push(await outbound.send({ ...request, url }))
  console.log(JSON.stringify(results))
`

test('no variable of the environment sends requests elsewhere or accepts a certificate (A37)', async () => {
  const proxy = await startHttp((_request, response) => response.end('proxied'))
  const plain = await startHttp((_request, response) => response.end('direct'))
  const selfSigned = await startHttps(selfSignedCertificate({ names: ['op.test'] }), (_request, response) =>
    response.end('trusted'),
  )
  const proxyUrl = `http://127.0.0.1:${proxy.port}`
  const urls = [`http://op.test:${plain.port}/`, `https://op.test:${selfSigned.port}/`]
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--no-warnings', '--input-type=module', '--eval', script, guard, ...urls],
    {
      timeout: 15_000,
      env: {
        HTTP_PROXY: proxyUrl,
        HTTPS_PROXY: proxyUrl,
        http_proxy: proxyUrl,
        https_proxy: proxyUrl,
        NODE_USE_ENV_PROXY: '1',
        NODE_TLS_REJECT_UNAUTHORIZED: '0',
      },
    },
  )
  expect(JSON.parse(stdout)).toMatchObject([
    { kind: 'answer', body: 'direct' },
    { kind: 'unsent', why: 'tls_untrusted' },
  ])
  expect(proxy.connections).toBe(0)
  await Promise.all([proxy.close(), plain.close(), selfSigned.close()])
})
