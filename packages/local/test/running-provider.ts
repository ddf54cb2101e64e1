import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { request } from 'undici'
import { freePort } from '../src/free-port.js'

const MAIN = fileURLToPath(new URL('../dist/identity-provider/main.js', import.meta.url))

export const REDIRECT_URI = 'http://localhost:1/auth/callback'

/** The demo identity provider as its own process, with a state directory that survives `restart`. */
export async function startDemoProvider() {
  const port = await freePort(undefined)
  const stateDir = mkdtempSync(join(tmpdir(), 'dromos-provider-'))
  const issuer = `http://localhost:${port}`
  const environment = { PORT: String(port), ISSUER: issuer, STATE_DIR: stateDir, REDIRECT_URI }
  const client = { CLIENT_ID: 'dromos', CLIENT_SECRET: 'a-secret-of-the-test' }
  const start = () =>
    spawn(process.execPath, [MAIN], { env: { ...process.env, ...environment, ...client }, stdio: 'ignore' })

  let child = start()
  await answers(issuer)
  async function end(): Promise<void> {
    if (child.exitCode !== null) return
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
  return {
    issuer,
    clientId: client.CLIENT_ID,
    clientSecret: client.CLIENT_SECRET,
    async restart() {
      await end()
      child = start()
      await answers(issuer)
    },
    async stop() {
      await end()
      rmSync(stateDir, { recursive: true, force: true })
    },
  }
}

async function answers(issuer: string): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    const answer = await request(`${issuer}/.well-known/openid-configuration`).catch(() => undefined)
    await answer?.body.dump()
    if (answer?.statusCode === 200) return
    await pause(25)
  }
  throw new Error('the demo identity provider did not answer within 10 s')
}
