/** Why TLS with a provider failed. Nothing of the request was sent. */
export type TlsCause = 'tls_expired' | 'tls_wrong_host' | 'tls_untrusted' | 'tls_protocol' | 'tls_failed'

// Codes of OpenSSL (X509_V_ERR_*) and of Node, which compares the host name itself.
const causes: ReadonlyMap<string, TlsCause> = new Map([
  ['CERT_HAS_EXPIRED', 'tls_expired'],
  ['CERT_NOT_YET_VALID', 'tls_expired'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls_wrong_host'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'tls_untrusted'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'tls_untrusted'],
  ['UNABLE_TO_GET_ISSUER_CERT', 'tls_untrusted'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'tls_untrusted'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'tls_untrusted'],
  ['EPROTO', 'tls_protocol'],
])

/** Undefined for a code that is not about TLS. */
export function tlsCause(code: string): TlsCause | undefined {
  const known = causes.get(code)
  if (known !== undefined) return known
  if (code.startsWith('ERR_SSL_')) return 'tls_protocol'
  // Errors of the socket are plain errno names; those of certificates are longer words.
  return code.includes('_') && !code.startsWith('UND_') ? 'tls_failed' : undefined
}
