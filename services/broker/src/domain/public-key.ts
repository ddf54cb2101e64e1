const publicMembers = ['kty', 'n', 'e', 'crv', 'x', 'y', 'kid', 'alg'] as const

/** The public half of a client's private JWK (RFC 7517 section 9.2); members not known to be public are left out. */
export const toPublicJwk = (jwk: Readonly<Record<string, unknown>>): Record<string, unknown> => ({
  ...Object.fromEntries(publicMembers.flatMap((name) => (jwk[name] === undefined ? [] : [[name, jwk[name]]]))),
  use: 'sig',
})
