// Owns the command that brings the database to this code's schema. Does not own the migrations (postgres/migrations).
import { ConfigurationError } from '@dromos/runtime'
import { parseDatabaseConfig } from './database-config.js'
import { migrateDatabase } from './postgres/migrate-database.js'

const help = `usage: DATABASE_URL=postgres://… node migrate.js

Applies the migrations that the database lacks, oldest first. Safe to run from several places at once.
  DATABASE_URL        postgres://user:password@host:port/database
  DATABASE_URL_FILE   a file that holds it instead
  ENFORCE_DB_SSL, DB_SSLMODE, DB_SSLROOTCERT   as for the broker
exit code: 0 the schema is up to date, 1 it is not (the reason is on stderr), 64 usage, 78 configuration
`

async function run(): Promise<void> {
  const { databaseUrl, databaseSsl } = parseDatabaseConfig(process.env)
  const applied = await migrateDatabase(
    { url: databaseUrl, ssl: databaseSsl },
    {
      applied: (name) => process.stdout.write(`applied ${name}\n`),
      warning: (sentence) => process.stderr.write(`warning: ${sentence}\n`),
    },
  )
  process.stdout.write(applied.length === 0 ? 'up to date\n' : `up to date, ${applied.length} applied\n`)
}

const [option] = process.argv.slice(2)
if (option === '--help' || option === '-h') {
  process.stdout.write(help)
} else if (option !== undefined) {
  process.stderr.write(`unknown argument: ${option}\n\n${help}`)
  process.exitCode = 64 // EX_USAGE of sysexits.h
} else {
  await run().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : 'the migration failed'}\n`)
    process.exitCode = error instanceof ConfigurationError ? 78 : 1
  })
}
