import { prepare } from '../../local/bin/prepare.mjs'

const usage = `Usage: npm run attack -- [options]

Attacks a running pair of services: PostgreSQL, two brokers and two gateways as processes of their own, providers that
misbehave in five percent of their answers per fault class, honest agents, attackers, and brokers that are ended on purpose.
What must never happen is looked for all the time and once more at the end.

  npm run attack -- --minutes 30   for so long (default 5; 0.2 at least)
  npm run attack -- --seed 7       other dice for providers, agents and attackers (default 1); who is first is the machine's
  npm run attack -- --scale 0.5    half the agents and attackers, down to 0.1
  npm run attack -- --no-strikes   no broker is killed or drained: a strict provider must then see no clean token twice
  npm run attack -- --json <file>  where the report goes (default .dromos/attack.json)
  npm run attack -- --list         what attacks, and what is never allowed to happen
  npm run attack -- --help         this text

Exit status 0 means: no violation. Ctrl-C stops everything that was started.`

if (process.argv.includes('--help')) {
  console.log(usage)
} else {
  await prepare()
  const { runAttackCommand } = await import('../dist/attack/main.js')
  process.exitCode = await runAttackCommand(process.argv.slice(2))
}
