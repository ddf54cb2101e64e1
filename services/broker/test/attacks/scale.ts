/** How much longer than in every run the long attack rows go on: ATTACK_SCALE=10 gives the numbers of the attack list. */
export const attackScale = Number(process.env.ATTACK_SCALE ?? 1)
