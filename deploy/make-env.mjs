#!/usr/bin/env node
// Writes the .env file of docker-compose.yml with fresh keys. Needs nothing but Node; never overwrites a file.
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const help = `usage: node deploy/make-env.mjs [options]

Writes .env for docker-compose.yml: fresh random keys and passwords, readable by you alone.
  --base-url URL          where browsers reach the gateway (default http://localhost:8090; https anywhere else)
  --return-domains LIST   where browsers may be sent back to (default http://localhost:*)
  --output PATH           (default .env beside docker-compose.yml)
  --help                  show this

An existing file is never touched: without its ENCRYPTION_KEY nothing in the database can be read any more.
exit code: 0 written, 1 not written (the reason is on stderr), 64 usage
`

const fileOf = ({
  baseUrl,
  returnDomains,
}) => `# Made by deploy/make-env.mjs. Keep a copy in a safe place, apart from the backups of the database.

# Seals every credential in the database: whoever has it and the database has them all; without it they are lost.
ENCRYPTION_KEY=${randomKey()}
# Signs the state that travels through the browser.
STATE_KEY=${randomKey()}
# PostgreSQL: the superuser, and the account of the services.
POSTGRES_PASSWORD=${randomPassword()}
DATABASE_PASSWORD=${randomPassword()}

# Where browsers reach the gateway; providers know <BASE_URL>/auth/callback as the redirect URI.
BASE_URL=${baseUrl}
# Where a browser may be sent after a consent, e.g. app.example.com,*.example.com
ALLOWED_RETURN_DOMAINS=${returnDomains}

# The gateway's own key, made by the admin command with --role gateway (docs/deployment.md).
BROKER_API_KEY=
`

const randomKey = () => randomBytes(32).toString('base64')

// Only characters that mean nothing in a URL.
const randomPassword = () => randomBytes(32).toString('base64url')

function readOptions() {
  const { values } = parseArgs({
    options: {
      'base-url': { type: 'string', default: 'http://localhost:8090' },
      'return-domains': { type: 'string', default: 'http://localhost:*' },
      output: { type: 'string', default: fileURLToPath(new URL('../.env', import.meta.url)) },
      help: { type: 'boolean', default: false },
    },
  })
  for (const name of ['base-url', 'return-domains'])
    if (!/^[\x21-\x7e]+$/.test(values[name]) || /["'$#\\]/.test(values[name]))
      throw new Error(`--${name}: holds a character that a .env file cannot carry`)
  return values
}

function run() {
  let options
  try {
    options = readOptions()
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${help}`)
    return 64 // EX_USAGE of sysexits.h
  }
  if (options.help) {
    process.stdout.write(help)
    return 0
  }
  const text = fileOf({ baseUrl: options['base-url'], returnDomains: options['return-domains'] })
  try {
    writeFileSync(options.output, text, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    const why = error.code === 'EEXIST' ? 'exists already and is left as it is' : `cannot be written (${error.code})`
    process.stderr.write(`${options.output} ${why}\n`)
    return 1
  }
  process.stdout.write(`wrote ${options.output}\nnext: docker compose up -d --build\n`)
  return 0
}

process.exitCode = run()
