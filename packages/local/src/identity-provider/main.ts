// The demo identity provider as a process. Its environment is written in services.ts.
import { printFailure, Problem } from '../problem.js'
import { createDemoIdentityProvider } from './demo-identity-provider.js'
import { listenOnLoopback } from './listen.js'

function required(name: string): string {
  const value = process.env[name]
  if (value === undefined || value === '') throw new Problem(`${name} is not set`)
  return value
}

async function main(): Promise<void> {
  const provider = createDemoIdentityProvider({
    issuer: required('ISSUER'),
    client: { id: required('CLIENT_ID'), secret: required('CLIENT_SECRET'), redirectUri: required('REDIRECT_URI') },
    stateDir: required('STATE_DIR'),
  })
  const server = await listenOnLoopback(Number(required('PORT')), provider.handle)
  const stop = () => {
    provider.save()
    void server.close().then(() => process.exit(0))
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
}

main().catch((error: unknown) => {
  printFailure(error)
  process.exit(1)
})
