import { digestOfSecret, formatApiKey, newApiKey } from '../../src/domain/api-key.js'
import { createAuthenticator } from '../../src/flows/authenticate-caller.js'

// Owns the guesses whose times are compared, at the real check of keys. The clients stand in memory: a database would hide with
// its noise what is looked for.

type Clients = Parameters<typeof createAuthenticator>[0]['clients']

export type Guesses = {
  /** Presents a key that is refused. */
  present(key: string): Promise<void>
  /** Pairs of guesses that a stranger must not be able to tell apart, by what would be learnt. */
  pairs: readonly { learns: string; guesses: readonly [string, string] }[]
}

export function prepareGuesses(): Guesses {
  const key = newApiKey()
  const operatorKey = 'an-operators-own-key-of-some-length'
  const record = {
    ...key,
    secretDigest: digestOfSecret(key.secret),
    tenantId: 'default',
    clientId: 'timed',
    roles: ['agent'],
    mayReadRefreshTokens: false,
    isRevoked: false,
    expiresAt: undefined,
  }
  const clients = { findKey: async (keyId: string) => (keyId === key.keyId ? record : undefined) }
  const authenticate = createAuthenticator(
    { clients: clients as unknown as Clients, now: () => new Date() },
    { apiKeys: [operatorKey], requireApiKey: true },
  )
  const withSecret = (secret: string): string => formatApiKey({ ...key, secret })
  const nothingRight = [...key.secret].map(otherThan).join('')
  const allButTheLast = key.secret.slice(0, -1) + otherThan(key.secret.slice(-1))
  const pairs: Guesses['pairs'] = [
    {
      learns: 'the first character of the secret',
      guesses: [withSecret(key.secret.charAt(0) + nothingRight.slice(1)), withSecret(nothingRight)],
    },
    {
      learns: 'all but the last character of the secret',
      guesses: [withSecret(allButTheLast), withSecret(nothingRight)],
    },
    {
      learns: "all but the last character of an operator's key",
      guesses: [`${operatorKey.slice(0, -1)}X`, operatorKey.replaceAll(/[a-z]/g, 'X')],
    },
  ]
  return {
    async present(text) {
      const isRefused = await authenticate({ apiKey: text, authorization: undefined }).then(
        () => false,
        () => true,
      )
      if (!isRefused) throw new Error('a wrong key was accepted')
    },
    pairs: pairs.map(({ learns, guesses: [one, other] }) => ({ learns, guesses: [flat(one), flat(other)] })),
  }
}

/** Strings put together from parts are kept in parts, and reading those takes a time of its own. */
const flat = (text: string): string => Buffer.from(text).toString()

const otherThan = (character: string): string => (character === 'a' ? 'b' : 'a')
