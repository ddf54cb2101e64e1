import { ServiceError } from '@dromos/contract'
import { bodyReader, readText } from './read-body.js'

/**
 * Reads a JSON body up to `httpLimits.bodyBytes`; one of no bytes is an empty object. The content type is not looked at: v1
 * clients have always been able to leave it out, and no browser can call a route that needs an API key.
 * Throws `invalid_json`, and as `bodyReader` and `readText` do.
 */
export const readJson = bodyReader((bytes, contentType): unknown => {
  const text = readText(bytes, contentType)
  if (text === '') return {}
  try {
    return JSON.parse(text)
  } catch {
    // Without its cause: that quotes the body.
    throw new ServiceError('invalid_json', 'the body is not valid JSON')
  }
})
