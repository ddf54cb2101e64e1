// Owns what a client certificate proves (RFC 8705 section 2). Does not own when one is needed.
import { createHash, X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

export type TlsAuthMethod = 'tls_client_auth' | 'self_signed_tls_client_auth'

/** The certificate of a connection, as the journal shows it. */
export type PresentedCertificate = {
  commonName: string
  /** SHA-256 of its DER, base64url: `x5t#S256`. */
  thumbprint: string
  /** Whether the lab's own authority vouches for it. */
  vouchedFor: boolean
}

type Registered = { id: string; certificateThumbprint: string | undefined }

export const isTlsAuth = (method: string): method is TlsAuthMethod =>
  method === 'tls_client_auth' || method === 'self_signed_tls_client_auth'

/** Undefined where the connection has none: plain HTTP, or a client that sent none. */
export function certificateOf(socket: Socket): PresentedCertificate | undefined {
  if (!(socket instanceof TLSSocket)) return undefined
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return undefined
  const commonName = /^CN=(.*)$/m.exec(certificate.subject)?.[1] ?? ''
  return { commonName, thumbprint: thumbprintOf(certificate), vouchedFor: socket.authorized }
}

/** What is wrong with it, or undefined. The subject has to be `CN={client_id}`. */
export function certificateProblem(
  method: TlsAuthMethod,
  client: Registered,
  presented: PresentedCertificate | undefined,
): string | undefined {
  if (presented === undefined) return 'no client certificate: use mtls_endpoint_aliases'
  if (method === 'self_signed_tls_client_auth') {
    return presented.thumbprint === client.certificateThumbprint ? undefined : 'not the registered certificate'
  }
  if (!presented.vouchedFor) return "not a certificate of the lab's authority"
  return presented.commonName === client.id ? undefined : 'the certificate is of another subject'
}

/** Throws a sentence when the text is no certificate. */
export function thumbprintOfPem(pem: string): string {
  try {
    return thumbprintOf(new X509Certificate(pem))
  } catch (cause) {
    throw new Error('the client certificate is no certificate in PEM', { cause })
  }
}

const thumbprintOf = ({ raw }: X509Certificate): string => createHash('sha256').update(raw).digest('base64url')
