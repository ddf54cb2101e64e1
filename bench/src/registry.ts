import type { Scenario } from './scenario.js'
import { tokenRead } from './scenarios/token-read.js'

/** Every scenario, in the order in which they run. */
export const scenarios: readonly Scenario[] = [tokenRead]
