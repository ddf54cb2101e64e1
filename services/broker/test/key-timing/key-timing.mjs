#!/usr/bin/env node
import { register } from 'node:module'

register('../simulator/typescript-hooks.mjs', import.meta.url)
const { compareKeyTimes } = await import('./command.ts')
process.exitCode = await compareKeyTimes(process.argv.slice(2), (line) => console.log(line))
