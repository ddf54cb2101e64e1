import { inspect } from 'node:util'
import {
  catalogue,
  type LabProvider,
  type LabProviderOptions,
  type LabSwitch,
  type ProviderLab,
  startProviderLab,
} from 'dromos-lab'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Account } from '../../src/domain/connection.js'
import type { OAuth } from '../../src/oauth/create-oauth.js'
import type { IdTokenOccasion } from '../../src/flows/ports/oauth.js'
import { consent, discovering, exchange, nonce, refresh, testOAuth } from './oauth-lab.js'

let lab: ProviderLab
beforeAll(async () => {
  lab = await startProviderLab()
})
afterAll(() => lab.close())

const es256 = { signingAlg: 'ES256' } as const
const scopes = ['openid', 'offline_access', 'email']

/** A whole login: consent, exchange, verification of the id_token that came. */
async function login(
  op: LabProvider,
  oauth: OAuth = testOAuth(),
  members: Record<string, unknown> = {},
): Promise<Account> {
  const provider = discovering(op, { id_token: { signing_algs: ['RS256', 'ES256', 'EdDSA'] }, ...members })
  const consented = await consent(oauth, op, provider, scopes)
  const call = await exchange(oauth, provider, op.clientSecret, consented)
  if (call.kind !== 'answer') throw new Error(`no answer: ${call.kind}`)
  const { idToken, accessToken } = call.answer.answer
  if (idToken === undefined) throw new Error('no id_token')
  return oauth.idTokens.verify(provider, idToken, {
    endpoints: consented.snapshot.endpoints,
    clientId: provider.clientId,
    nonce,
    accessToken,
    occasion: 'login',
  })
}

const withSwitch = (name: LabSwitch, options: LabProviderOptions = es256): LabProvider => {
  const op = lab.createProvider(options)
  op.turnOn(name)
  return op
}

const refused = { name: 'ServiceError', reason: 'invalid_id_token' }

const harmless = ['idt.aud_array', 'idt.kid_absent_single', 'idt.kid_absent_multiple', 'idt.duplicate_kid'] as const

describe('an honest id_token names the account', () => {
  test.each(['RS256', 'ES256', 'EdDSA'] as const)('signed with %s', async (signingAlg) => {
    const op = lab.createProvider({ signingAlg, subject: 'ada' })
    expect(await login(op)).toEqual({ issuer: op.issuer, subject: 'ada', label: undefined })
  })

  test('PS256 where the profile allows it', async () => {
    const op = lab.createProvider({ signingAlg: 'PS256' })
    await expect(login(op)).rejects.toMatchObject(refused)
    expect(await login(op, testOAuth(), { id_token: { signing_algs: ['PS256'] } })).toMatchObject({ issuer: op.issuer })
  })

  test.each(harmless)('with %s', async (name) => {
    const op = withSwitch(name)
    expect(await login(op)).toMatchObject({ issuer: op.issuer })
  })

  test('the verification is observed', async () => {
    const seen: unknown[] = []
    const observe = (result: string, seconds: number) => void seen.push([result, seconds >= 0])
    await login(lab.createProvider(es256), testOAuth({ observeVerification: observe }))
    await expect(login(withSwitch('idt.bad_sig'), testOAuth({ observeVerification: observe }))).rejects.toMatchObject(
      refused,
    )
    expect(seen).toEqual([
      ['success', true],
      ['error', true],
    ])
  })
})

const misses = [
  'idt.iss+1', 'idt.aud+1', 'idt.nonce+1', 'idt.missing_iss', 'idt.missing_sub', 'idt.missing_aud', 'idt.missing_exp',
  'idt.missing_iat', 'idt.missing_nonce', 'idt.aud_foreign_second', 'idt.azp_foreign', 'idt.expired', 'idt.clock_skew',
  'idt.iat_week_old', 'idt.at_hash_wrong', 'idt.alg_none', 'idt.alg_nOnE', 'idt.crit', 'idt.b64_false', 'idt.jwe',
  'idt.bad_sig', 'idt.kid_unknown', 'jwks.oct_key', 'jwks.private_key_inside', 'jwks.empty',
] as const // prettier-ignore
const missesOfRsa = [
  'idt.hs256_with_public_key', 'idt.alternate_alg', 'idt.bad_sig', 'jwks.oversized_key', 'jwks.exponent_one',
  'jwks.private_key_inside',
] as const // prettier-ignore

const missesOfHeader = [
  'idt.alg_none', 'idt.alg_nOnE', 'idt.hs256_with_public_key', 'idt.alternate_alg', 'idt.crit', 'idt.b64_false', 'idt.jwe',
] as const // prettier-ignore

describe('a near miss is a miss (fault 18)', () => {
  test.each(misses)('%s', async (name) => {
    await expect(login(withSwitch(name))).rejects.toMatchObject(refused)
  })

  // Absence is the evidence that our own reading of the header refused it, before the library saw the token.
  test.each(missesOfHeader)('%s is seen in the header, before any key is fetched', async (name) => {
    const op = withSwitch(name, {})
    await expect(login(op)).rejects.toMatchObject(refused)
    expect(op.journal('jwks')).toEqual([])
  })

  test.each(missesOfRsa)('%s with RSA', async (name) => {
    await expect(login(withSwitch(name, {}))).rejects.toMatchObject(refused)
  })

  test('no switch of the lab that touches an id_token is left out', () => {
    const judgedByFlows = ['idt.sub+1', 'idt.missing_though_openid']
    const tried = new Set<string>([...misses, ...missesOfRsa, ...harmless, ...judgedByFlows])
    expect(Object.keys(catalogue).filter((name) => name.startsWith('idt.') && !tried.has(name))).toEqual([])
  })
})

describe('the issuer is the configured one (fault 17)', () => {
  test('a token rightly signed by another issuer for our client id is refused', async () => {
    const op = lab.createProvider(es256)
    const other = lab.createProvider({ ...es256, clientId: op.clientId })
    const oauth = testOAuth()
    const endpoints = await oauth.metadata.endpoints(discovering(op), {})
    const { idToken = '' } = other.issue({ nonce })
    const expected = { clientId: op.clientId, nonce, accessToken: undefined, occasion: 'login' } as const
    // both labs sign with a key named key-1
    await expect(oauth.idTokens.verify(discovering(op), idToken, { ...expected, endpoints })).rejects.toMatchObject(
      refused,
    )
    const jwks = other.jwksUri
    await expect(
      oauth.idTokens.verify(discovering(op), idToken, { ...expected, endpoints: { ...endpoints, jwks } }),
    ).rejects.toMatchObject(refused)
    expect(other.journal('discovery')).toEqual([])
  })

  test('without an issuer or keys to trust nothing is verified', async () => {
    const op = lab.createProvider(es256)
    const oauth = testOAuth()
    const provider = discovering(op)
    const endpoints = { ...(await oauth.metadata.endpoints(provider, {})), jwks: undefined }
    const expected = { endpoints, clientId: op.clientId, nonce, accessToken: undefined, occasion: 'login' } as const
    await expect(oauth.idTokens.verify(provider, op.issue({ nonce }).idToken ?? '', expected)).rejects.toMatchObject(
      refused,
    )
  })

  test.each(['', 'a.b', 'a.b.c', '..', 'eyJhbGciOiJFUzI1NiJ9.e30.', `${'x'.repeat(100_000)}.y.z`])(
    'nonsense is refused: %.20s',
    async (idToken) => {
      const op = lab.createProvider(es256)
      const oauth = testOAuth()
      const endpoints = await oauth.metadata.endpoints(discovering(op), {})
      const expected = { endpoints, clientId: op.clientId, nonce, accessToken: undefined, occasion: 'login' } as const
      await expect(oauth.idTokens.verify(discovering(op), idToken, expected)).rejects.toMatchObject(refused)
    },
  )
})

describe('a refreshed id_token', () => {
  const refreshedToken = async (name: LabSwitch | undefined, occasion: IdTokenOccasion = 'refresh') => {
    const op = lab.createProvider(es256)
    const oauth = testOAuth()
    const provider = discovering(op)
    const { refreshToken } = op.issue({ nonce })
    if (name !== undefined) op.turnOn(name)
    const call = await refresh(oauth, provider, refreshToken, { secrets: [op.clientSecret] })
    const endpoints = await oauth.metadata.endpoints(provider, {})
    const { idToken = '', accessToken } = call.kind === 'answer' ? call.answer.answer : {}
    return oauth.idTokens.verify(provider, idToken, {
      endpoints,
      clientId: op.clientId,
      nonce: undefined,
      accessToken,
      occasion,
    })
  }

  test.each([undefined, 'idt.iat_week_old', 'idt.missing_nonce'] as const)('is accepted with %s', async (name) => {
    expect(await refreshedToken(name)).toMatchObject({ subject: 'user-1' })
  })

  test.each(['refresh_idt.iss+1', 'refresh_idt.aud+1', 'idt.expired', 'idt.bad_sig', 'idt.at_hash_wrong'] as const)(
    'is refused with %s',
    async (name) => {
      await expect(refreshedToken(name)).rejects.toMatchObject(refused)
    },
  )

  test('with another subject gives that subject back: comparing is the flow’s', async () => {
    expect(await refreshedToken('refresh_idt.sub+1')).toMatchObject({ subject: 'user-11' })
  })

  test('judged late is not held against its age', async () => {
    expect(await refreshedToken('idt.expired', 'recovery')).toMatchObject({ subject: 'user-1' })
    await expect(refreshedToken('refresh_idt.iss+1', 'recovery')).rejects.toMatchObject(refused)
  })
})

test('nothing that is thrown holds a token or a claim (fault 42)', async () => {
  for (const name of ['idt.bad_sig', 'idt.aud+1', 'idt.at_hash_wrong', 'idt.crit'] as const) {
    const op = withSwitch(name)
    const error: unknown = await login(op).catch((thrown: unknown) => thrown)
    const dump = inspect(error, { depth: null, showHidden: true })
    const tokens = op
      .journal('token')
      .flatMap(({ answered, form }) => [...Object.values(JSON.parse(answered?.body ?? '{}')), form['code']])
    for (const token of tokens) if (typeof token === 'string' && token.length > 20) expect(dump).not.toContain(token)
    for (const secret of [op.clientSecret, nonce, 'user-1', op.clientId]) expect(dump).not.toContain(secret)
  }
})
