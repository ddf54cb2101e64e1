import { ServiceError } from '@dromos/contract'
import pg from 'pg'
import { describeConnectionTrouble } from './connection-trouble.js'
import { isUnreachable } from './database-errors.js'
import { migrate, readMigrations } from './migrator.js'

/**
 * Connects, applies what is missing, disconnects; answers the names applied.
 * Throws ServiceError: `database_unavailable` with one sentence for a person, or why the migrations are refused.
 */
export async function migrateDatabase(
  database: { url: string; ssl?: pg.ClientConfig['ssl'] | undefined },
  on: { applied(name: string): void; warning(sentence: string): void },
): Promise<string[]> {
  const { url } = database
  const client = connectable(database)
  client.on('error', () => undefined) // a session ended by the server fails the query that notices
  try {
    await client.connect()
  } catch (cause) {
    throw new ServiceError('database_unavailable', describeConnectionTrouble(url, cause), { cause })
  }
  try {
    return await migrate(client, readMigrations(), on)
  } catch (cause) {
    if (cause instanceof ServiceError || !isUnreachable(cause)) throw cause
    throw new ServiceError('database_unavailable', describeConnectionTrouble(url, cause), { cause })
  } finally {
    await client.end().catch(() => undefined)
  }
}

function connectable({ url, ssl }: Parameters<typeof migrateDatabase>[0]): pg.Client {
  try {
    return new pg.Client({
      connectionString: url,
      ...(ssl === undefined ? {} : { ssl }),
      application_name: 'dromos-migrate',
      connectionTimeoutMillis: 10_000,
      keepAlive: true,
    })
  } catch (cause) {
    throw new ServiceError('database_unavailable', 'DATABASE_URL is not a PostgreSQL URL', { cause })
  }
}
