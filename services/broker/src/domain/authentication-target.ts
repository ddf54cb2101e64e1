import type { Endpoints, SecretMethod } from './provider.js'

/** Which server a client proves itself to: `audience` names it in client assertions, `secretMethod` is what it said it wants. */
export type AuthenticationTarget = { audience: string; secretMethod: SecretMethod | undefined }

// RFC 7523 section 3 lets issuer and token endpoint name the server; the issuer cannot be mistaken for another endpoint's.
export const authenticationTarget = ({ issuer, token, secretMethod }: Endpoints): AuthenticationTarget => ({
  audience: issuer ?? token,
  secretMethod,
})
