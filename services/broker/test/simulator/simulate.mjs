#!/usr/bin/env node
import { register } from 'node:module'

register('./typescript-hooks.mjs', import.meta.url)
const { simulate } = await import('./command.ts')
process.exitCode = simulate(process.argv.slice(2), (line) => console.log(line))
