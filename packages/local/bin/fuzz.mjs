import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'
import { runInForeground } from './foreground.mjs'
import { fail, prepare, root } from './prepare.mjs'

const targets = ['state', 'callback', 'return-url', 'token-answer', 'key-set', 'envelope', 'api-key', 'struct']
const usage = `Usage: npm run fuzz -- [options] [target]

Feeds damaged and hostile input to every parser that strangers reach, or to one target:
${targets.join(', ')}

  --minutes <n>   for each target (default 1)
  --runs <n>      inputs instead of minutes
  --seed <n> --path <p>   plays a failure again; a failure prints both`

function readOptions() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        minutes: { type: 'string' },
        runs: { type: 'string' },
        seed: { type: 'string' },
        path: { type: 'string' },
        help: { type: 'boolean' },
      },
    })
    return { ...values, target: positionals[0] }
  } catch (error) {
    fail(`${error.message}\n\n${usage}`)
  }
}

const { minutes, runs, seed, path, help, target } = readOptions()
if (help) {
  console.log(usage)
} else {
  if (target !== undefined && !targets.includes(target)) fail(`there is no target "${target}"\n\n${usage}`)
  for (const [name, text] of Object.entries({ minutes, runs }))
    if (text !== undefined && !(Number(text) > 0)) fail(`--${name} takes a number above 0`)
  const isReplay = seed !== undefined && minutes === undefined
  const chosen = {
    FUZZ_MINUTES: runs === undefined && !isReplay ? (minutes ?? '1') : undefined,
    FUZZ_RUNS: runs,
    FUZZ_SEED: seed,
    FUZZ_PATH: path,
    FUZZ_TARGET: target,
  }
  const environment = Object.fromEntries(Object.entries(chosen).filter(([, value]) => value !== undefined))
  await prepare()
  const jest = fileURLToPath(new URL('../../../node_modules/jest/bin/jest.js', import.meta.url))
  const options = ['--experimental-vm-modules', '--no-warnings', jest, '--rootDir', root, '--runInBand']
  runInForeground([...options, 'packages/local/test/fuzz'], { ...process.env, ...environment })
}
