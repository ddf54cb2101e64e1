import { startProviderLab, type LabProvider, type ProviderLab } from 'dromos-lab'
import { offer } from '../rpc.js'
import { misbehave, startOver } from './hostility.js'
import { providerKinds } from './providers.js'
import { testify } from './testimony.js'

// Owns the providers of an attack as a process of their own, and their testimony, which is the judge of it.

let lab: ProviderLab | undefined
const providers = new Map<string, LabProvider>()

const find = (name: string): LabProvider => {
  const provider = providers.get(name)
  if (provider === undefined) throw new Error(`no provider ${name}`)
  return provider
}

const functions = {
  async start(seed: number): Promise<void> {
    lab = await startProviderLab({ seed })
  },
  create(name: string) {
    const kind = providerKinds.find((each) => each.name === name)
    if (lab === undefined || kind === undefined) throw new Error(`no kind of provider is called ${name}`)
    const provider = lab.createProvider(kind.lab)
    providers.set(name, provider)
    startOver(provider, kind)
    const { clientId, clientSecret, issuer, authorizationEndpoint, tokenEndpoint, jwksUri, revocationEndpoint } =
      provider
    return { clientId, clientSecret, issuer, authorizationEndpoint, tokenEndpoint, jwksUri, revocationEndpoint }
  },
  /** Every provider fails in this share of its answers per fault class; 0 = never again. */
  misbehave(share: number): void {
    for (const kind of providerKinds) {
      const provider = find(kind.name)
      startOver(provider, kind)
      if (share > 0) misbehave(provider, kind, share)
    }
  },
  /** A person's browser at the provider: where it is sent to. */
  approve: (name: string, authorizationUrl: string, subject: string) =>
    find(name).approve(authorizationUrl, { subject }),
  deny: (name: string, authorizationUrl: string) => find(name).deny(authorizationUrl),
  /** Whose grant a family is; undefined when the provider never made it. */
  subjectOf: (name: string, family: string) => find(name).oracle().families[Number(family.slice(1)) - 1]?.subject,
  /** The person removes the client's access at the provider. */
  revokeSubject: (name: string, subject: string) => find(name).revokeSubject(subject),
  testify: (name: string) => testify(find(name)),
}

export type LabFunctions = typeof functions

offer(process, functions)
