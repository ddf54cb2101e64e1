import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startControl, type Control } from '../control/server.js'
import { startProviderLab, type ProviderLab } from '../lab.js'
import { hostileSwitches } from '../presets/hostile.js'
import type { TenantOptions } from '../tenants.js'
import type { StartArguments } from './arguments.js'
import { banner, requestLine } from './print.js'

export type Running = { close(): Promise<void> }

const journalSize = 5_000

/** Starts provider and control API and prints how to use them. Rejects with a sentence when a port is not to be had. */
export async function start(wish: StartArguments, print: (text: string) => void): Promise<Running> {
  const { host, port, controlPort, seed, tls, quiet } = wish
  const lab = await startProviderLab({
    host,
    port,
    seed,
    tls,
    journalSize,
    onRequest: (_id, entry) => quiet || print(requestLine(entry)),
  })
  const control = await startControlOf(lab, host, controlPort)
  const ca = lab.caCertificate === undefined ? undefined : keepCertificate(lab.caCertificate)
  print(banner(lab.createProvider(tenantOf(wish)), control, ca?.path))
  return {
    close: async () => {
      await Promise.all([lab.close(), control.close()])
      ca?.remove()
    },
  }
}

async function startControlOf(lab: ProviderLab, host: string, port: number): Promise<Control> {
  try {
    return await startControl(lab, { host, port })
  } catch (error) {
    await lab.close()
    throw error
  }
}

/** The certificate in a directory of its own, for --cacert and NODE_EXTRA_CA_CERTS. */
function keepCertificate(pem: string): { path: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'dromos-lab-'))
  const path = join(folder, 'ca.pem')
  writeFileSync(path, pem)
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

function tenantOf({ preset, hostile, switches, clientId, clientSecret, redirectUris }: StartArguments): TenantOptions {
  return {
    ...(preset !== undefined && { preset }),
    ...(clientId !== undefined && { clientId }),
    ...(clientSecret !== undefined && { clientSecret }),
    ...(redirectUris !== undefined && { redirectUris }),
    switches: { ...(hostile !== undefined && hostileSwitches(hostile)), ...switches },
  }
}
