import { httpLimits } from '@dromos/contract'
import express, { type RequestHandler } from 'express'

/**
 * Reads a JSON body up to `httpLimits.bodyBytes`. The content type is not looked at: v1 clients have always been able to
 * leave it out, and no browser can call a route that needs an API key. Compressed bodies are refused.
 */
export const readJson: RequestHandler = express.json({
  limit: httpLimits.bodyBytes,
  inflate: false,
  strict: false,
  type: () => true,
})
