import { prepare } from '../../local/bin/prepare.mjs'

const usage = `Usage: npm run prove -- [options] [proof ...]

Proves what docs/reliability.md promises of refreshes: brokers, provider and load as processes of their own, a real
PostgreSQL, real faults, and the provider's journal as the judge. Without a name it runs every proof, one after the other.

  npm run prove -- R1 R5           these proofs
  npm run prove -- --scale 0.05    a twentieth of connections, reads and faults; times are shown and not judged
  npm run prove -- --json <file>   where the measurements go (default .dromos/prove.json)
  npm run prove -- --list          the proofs and their goals
  npm run prove -- --help          this text

Exit status 0 means that every goal was met. Ctrl-C stops everything that was started.`

if (process.argv.includes('--help')) {
  console.log(usage)
} else {
  await prepare()
  const { runProve } = await import('../dist/main.js')
  process.exitCode = await runProve(process.argv.slice(2))
}
