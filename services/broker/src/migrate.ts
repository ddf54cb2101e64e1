// Owns the command that brings the database to this code's schema. Does not own the migrations (postgres/migrations).
import { ConfigurationError, resolveEnvironment } from '@dromos/runtime'
import { migrateDatabase } from './postgres/migrate-database.js'

const help = `usage: DATABASE_URL=postgres://… node migrate.js

Applies the migrations that the database lacks, oldest first. Safe to run from several places at once.
  DATABASE_URL        postgres://user:password@host:port/database
  DATABASE_URL_FILE   a file that holds it instead
exit code: 0 the schema is up to date, 1 it is not (the reason is on stderr), 64 usage, 78 configuration
`

async function run(): Promise<void> {
  const { values, problems } = resolveEnvironment(process.env, ['DATABASE_URL'])
  if (problems.length === 0 && values.DATABASE_URL === undefined)
    problems.push('DATABASE_URL: is required, for example postgres://dromos:secret@localhost:5432/dromos')
  if (problems.length > 0) throw new ConfigurationError(problems)
  const applied = await migrateDatabase(values.DATABASE_URL ?? '', {
    applied: (name) => process.stdout.write(`applied ${name}\n`),
    warning: (sentence) => process.stderr.write(`warning: ${sentence}\n`),
  })
  process.stdout.write(applied.length === 0 ? 'up to date\n' : `up to date, ${applied.length} applied\n`)
}

const [option] = process.argv.slice(2)
if (option === '--help' || option === '-h') {
  process.stdout.write(help)
} else if (option !== undefined) {
  process.stderr.write(`unknown argument\n\n${help}`)
  process.exitCode = 64 // EX_USAGE of sysexits.h
} else {
  await run().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : 'the migration failed'}\n`)
    process.exitCode = error instanceof ConfigurationError ? 78 : 1
  })
}
