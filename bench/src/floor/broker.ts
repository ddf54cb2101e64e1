import { createServer } from 'node:http'
import { createVault } from '@dromos/broker/vault'
import pg from 'pg'
import { listen } from './listen.js'

export type FloorBrokerOptions = { databaseUrl: string; encryptionKey: string }

/** Half of floor F1: one named SELECT by key, one decryption, and what was sealed is the answer. No guard, no record. */
export function serveBroker({ databaseUrl, encryptionKey }: FloorBrokerOptions): Promise<number> {
  const vault = createVault({ primary: Buffer.from(encryptionKey, 'base64'), retired: [] })
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 8 })
  pool.on('error', () => undefined)
  const server = createServer((request, response) => {
    const recordId = request.url?.slice(1) ?? ''
    pool.query<{ version: string; sealed_credentials: Buffer }>({ ...statement, values: ['default', recordId] }).then(
      ({ rows: [row] }) => {
        if (row === undefined) return void response.writeHead(404, { 'content-length': 0 }).end()
        const context = { tenantId: 'default', recordId, field: 'credentials', version: Number(row.version) } as const
        const body = vault.open(row.sealed_credentials, context)
        const length = Buffer.byteLength(body)
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': length }).end(body)
      },
      () => void response.writeHead(500, { 'content-length': 0 }).end(),
    )
  })
  return listen(server)
}

const statement = {
  name: 'floor',
  text: 'select version, sealed_credentials from connections where tenant_id = $1 and id = $2',
}
