import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import pg from 'pg'
import { listen } from './listen.js'

export type FloorInsertOptions = { databaseUrl: string; providerId: string }

/** Floor F2: a request is one row, on disk before it is answered. */
export function serveInsert({ databaseUrl, providerId }: FloorInsertOptions): Promise<number> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 8 })
  pool.on('error', () => undefined)
  const server = createServer((request, response) => {
    request.resume().once('end', () => {
      const id = `floor_${randomUUID()}`
      pool.query({ ...statement, values: [id, providerId] }).then(
        () => {
          const body = `{"connection_id":"${id}"}`
          response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
        },
        () => void response.writeHead(500, { 'content-length': 0 }).end(),
      )
    })
  })
  return listen(server)
}

const statement = {
  name: 'floor',
  text: `insert into connections (tenant_id, id, workspace_id, provider_id, created_by, consent_expires_at)
         values ('default', $1, 'user-1', $2, 'bench', now() + interval '10 minutes')`,
}
