import type { User } from 'latchkey'

/** What the provider says comes in any shape, or not at all; only `sub` is certain (OIDC Core §5.1). */
export function displayName(user: User): string {
  const names = [user['name'], user['preferred_username'], user['email'], user.sub]
  return names.find((name): name is string => typeof name === 'string' && name.trim() !== '') ?? ''
}

export function initials(user: User): string {
  const words = displayName(user).split(/[\s@._-]+/u)
  const letters = words.flatMap((word) => Array.from(word).slice(0, 1)).slice(0, 2)
  return letters.join('').toUpperCase()
}
