import type { TlsOptions } from 'node:tls'
import type { TestAuthority } from './authority.js'
import { selfSigned } from './authority.js'

/** What can be wrong before the first byte of HTTP. */
export const tlsFaults = ['expired', 'wrong_host', 'self_signed', 'old_protocol', 'silent'] as const
export type TlsFault = (typeof tlsFaults)[number]

/** The names and addresses a lab on this machine is reached by. */
export const labNames = ['op.test', 'localhost', '127.0.0.1', '::1']

/** How a listener with this fault has to be set up; undefined: it takes connections and never says a word. */
export function tlsOptionsOf(fault: TlsFault, authority: TestAuthority): TlsOptions | undefined {
  switch (fault) {
    case 'expired':
      return authority.issue({ names: labNames, validForDays: -1 })
    case 'wrong_host':
      return authority.issue({ names: ['somewhere-else.test'] })
    case 'self_signed':
      return selfSigned({ names: labNames })
    case 'old_protocol':
      // RFC 8996: TLS 1.0 and 1.1 are not to be used; OpenSSL needs to be talked into serving them.
      return {
        ...authority.issue({ names: labNames }),
        minVersion: 'TLSv1',
        maxVersion: 'TLSv1.1',
        ciphers: 'DEFAULT@SECLEVEL=0',
      }
    case 'silent':
      return undefined
  }
}
