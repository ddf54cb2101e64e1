import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startControl, type Control } from '../control/server.js'
import { startLabDns, type LabDns } from '../dns/server.js'
import { startProviderLab, type ProviderLab } from '../lab.js'
import { hostileSwitches } from '../presets/hostile.js'
import type { TenantOptions } from '../tenants.js'
import type { StartArguments } from './arguments.js'
import { banner, requestLine } from './print.js'

export type Running = { close(): Promise<void> }

const journalSize = 5_000

/** Starts provider and control API and prints how to use them. Rejects with a sentence when a port is not to be had. */
export async function start(wish: StartArguments, print: (text: string) => void): Promise<Running> {
  const { host, port, seed, tls, quiet } = wish
  const lab = await startProviderLab({
    host,
    port,
    seed,
    tls,
    journalSize,
    onRequest: (_id, entry) => quiet || print(requestLine(entry)),
  })
  const { control, dns } = await startOthers(lab, wish)
  const ca = lab.caCertificate === undefined ? undefined : keepCertificate(lab.caCertificate)
  print(banner(lab.createProvider(tenantOf(wish)), { control, dns, caPath: ca?.path }))
  return {
    close: async () => {
      await Promise.all([lab.close(), control.close(), dns?.close()])
      ca?.remove()
    },
  }
}

/** What runs beside the provider. Nothing is left running when one of them cannot. */
async function startOthers(
  lab: ProviderLab,
  { host, controlPort, dns, dnsPort }: StartArguments,
): Promise<{ control: Control; dns: LabDns | undefined }> {
  const resolver = dns.length === 0 ? undefined : await orClose([lab], startLabDns(host, dnsPort))
  for (const { name, sets } of dns) resolver?.answers(name, sets)
  const control = await orClose(resolver ? [lab, resolver] : [lab], startControl(lab, { host, port: controlPort }))
  return { control, dns: resolver }
}

async function orClose<T>(running: readonly Running[], starting: Promise<T>): Promise<T> {
  try {
    return await starting
  } catch (error) {
    await Promise.all(running.map((each) => each.close()))
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
