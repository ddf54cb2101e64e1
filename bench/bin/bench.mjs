import { prepare } from '../../packages/local/bin/prepare.mjs'

const usage = `Usage: npm run bench -- [options] [scenario ...]

Measures what docs/performance.md promises: the product beside its floors, in turns, in one run, with the load in a process of
its own and a real PostgreSQL. Without a name it runs every scenario, one after the other.

  npm run bench -- P1 P3           these scenarios
  npm run bench -- --seconds 2     length of each window of load (default 3)
  npm run bench -- --rounds 9      windows for each side (default 5)
  npm run bench -- --rows 100000   connections in the table (default 1000)
  npm run bench -- --scale 0.05    a twentieth of the connections of P5 and P6, which then take less than minutes
  npm run bench -- --json <file>   where the numbers go (default .dromos/bench.json)
  npm run bench -- --markdown      prints the table of docs/performance.md at the end
  npm run bench -- --list          the scenarios and their goals
  npm run bench -- --help          this text

  npm run bench -- P1 P3 --against http://127.0.0.1:8090 --api-key <key> --connection <id> --provider <id>
                                   measures another server of the v1 API beside ours (P3 needs the provider)

Exit status 0 means that every goal was met. Ctrl-C stops everything that was started.`

if (process.argv.includes('--help')) {
  console.log(usage)
} else {
  await prepare()
  const { runBench } = await import('../dist/main.js')
  process.exitCode = await runBench(process.argv.slice(2), process.env)
}
