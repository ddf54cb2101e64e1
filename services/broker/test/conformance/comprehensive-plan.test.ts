import type { LabSwitch } from 'dromos-lab'
import { describe, expect, test } from '@jest/globals'
import { provideForSuite } from '../harness/more-providers.js'
import { issuedTokens, login, rejected } from './outcome.js'

// OpenID conformance suite, oidcc-client-test-plan: what the certified plans do not have. ES256 is what the lab signs with.

const providers = provideForSuite()

describe('the broker rejects the id_token and makes no further call', () => {
  test.each<[string, LabSwitch]>([
    ['oidcc-client-test-missing-aud', 'idt.missing_aud'],
    ['oidcc-client-test-invalid-sig-hs256', 'idt.hs256_with_public_key'],
    ['oidcc-client-test-invalid-sig-es256', 'idt.bad_sig'],
  ])('%s', async (_module, name) => {
    const op = await providers.add()
    op.provider.turnOn(name)
    const { connectionId, outcome } = await login(op)
    expect(outcome).toEqual(rejected(connectionId))
    expect(issuedTokens(op)).toHaveLength(1)
  })
})
