import type { SealContext } from '../flows/ports/vault.js'
import type { KeyedVault } from './vault.js'

/** Tells of every ciphertext that did not open: it is damage, an attack or a defect, never routine. */
export const observeVault = (vault: KeyedVault, onRefusal: (context: SealContext) => void): KeyedVault => ({
  ...vault,
  open(envelope, context) {
    try {
      return vault.open(envelope, context)
    } catch (error) {
      onRefusal(context)
      throw error
    }
  },
})
