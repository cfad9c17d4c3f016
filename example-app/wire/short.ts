/** The beginning of a secret, to tell one from another: four characters at most, and never more than a quarter. */
export function short(value: string): string {
  return `${value.slice(0, Math.min(4, Math.floor(value.length / 4)))}…`
}

/** Is this a word that a person would write, such as `token`, `invalid_grant` or `Doorkeeper`? Everything else may be a token. */
export function isWord(text: string): boolean {
  return text.split(/[_-]/).every((part) => /^(?:[A-Z]{0,4}|[A-Z]?[a-z]{1,13})$/.test(part))
}
