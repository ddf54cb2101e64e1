export { markdownOf } from './markdown.js'
export { scenarios } from './registry.js'
export { type BenchResult, runScenario } from './run-scenario.js'
export { type Scenario } from './scenario.js'
