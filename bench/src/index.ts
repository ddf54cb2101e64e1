export { scenarios } from './registry.js'
export { runScenario, type BenchResult } from './run-scenario.js'
