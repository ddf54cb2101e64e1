// Owns what others may start or check: the gateway as a whole. Its parts are reached only through it.
// Does not own anything else.
export { startGateway, type Gateway } from './app.js'
export { configNames, parseConfig, type Config } from './config.js'
