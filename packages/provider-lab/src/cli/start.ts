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
  const { host, port, controlPort, seed, quiet } = wish
  const lab = await startProviderLab({
    host,
    port,
    seed,
    journalSize,
    onRequest: (_id, entry) => quiet || print(requestLine(entry)),
  })
  const control = await startControlOf(lab, host, controlPort)
  print(banner(lab.createProvider(tenantOf(wish)), control))
  return {
    close: async () => {
      await Promise.all([lab.close(), control.close()])
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

function tenantOf({ preset, hostile, switches, clientId, clientSecret, redirectUris }: StartArguments): TenantOptions {
  return {
    ...(preset !== undefined && { preset }),
    ...(clientId !== undefined && { clientId }),
    ...(clientSecret !== undefined && { clientSecret }),
    ...(redirectUris !== undefined && { redirectUris }),
    switches: { ...(hostile !== undefined && hostileSwitches(hostile)), ...switches },
  }
}
