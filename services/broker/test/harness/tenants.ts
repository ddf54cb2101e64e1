import { type Role } from '../../src/domain/caller.js'
import { digestOfSecret, formatApiKey, newApiKey } from '../../src/domain/api-key.js'
import { randomId } from '../../src/domain/ids.js'
import type { TestBroker } from './test-broker.js'

/** Makes a client of a tenant, both when they are new, and answers its key. */
export async function keyFor(
  broker: Pick<TestBroker, 'query'>,
  tenantId: string,
  roles: readonly Role[] = ['agent'],
): Promise<string> {
  const key = newApiKey()
  const clientId = `cl_${randomId()}`
  await broker.query('insert into tenants (id, name) values ($1, $1) on conflict do nothing', [tenantId])
  const client = 'insert into clients (tenant_id, id, name, roles) values ($1, $2, $2, $3)'
  await broker.query(client, [tenantId, clientId, roles])
  const insert = 'insert into client_keys (key_id, tenant_id, client_id, secret_digest) values ($1, $2, $3, $4)'
  await broker.query(insert, [key.keyId, tenantId, clientId, digestOfSecret(key.secret)])
  return formatApiKey(key)
}
