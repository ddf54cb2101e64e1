// Prints the path of every suite that failed in a run's JSON, one a line.
import { readFileSync } from 'node:fs'

const { testResults } = JSON.parse(readFileSync(process.argv[2], 'utf8'))
for (const { status, name } of testResults) if (status === 'failed') console.log(name)
