import { ServiceError } from '@dromos/contract'
import type { ConnectionKey } from '../domain/connection.js'
import type { Credentials } from '../domain/credentials.js'
import type { Vault } from './ports/vault.js'

/** Opens a connection's credentials. Throws `token_not_found`, `integrity_error`. */
export function openCredentials(
  vault: Pick<Vault, 'open'>,
  key: ConnectionKey,
  row: { sealedCredentials: Buffer | undefined; version: number },
): Credentials {
  if (row.sealedCredentials === undefined)
    throw new ServiceError('token_not_found', 'the connection holds no credentials')
  const plaintext = vault.open(row.sealedCredentials, {
    tenantId: key.tenantId,
    recordId: key.connectionId,
    field: 'credentials',
    version: row.version,
  })
  return JSON.parse(plaintext) as Credentials // what we sealed ourselves: its integrity was just verified
}
