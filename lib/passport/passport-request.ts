/** As Passport calls it: an error, or nothing. */
export type Done = (error?: unknown) => void

/** Passport's options, as far as they matter here. */
export interface PassportOptions {
  /** `false`: nothing is put into the session. */
  readonly session?: boolean | undefined
}

export type LogIn = (user: unknown, options: PassportOptions, done?: Done) => void
export type LogOut = (options: object, done?: Done) => void

/** What Passport puts on a request, before it asks a strategy. Its own types are there only where it is installed. */
export interface PassportMethods {
  logIn?: LogIn
  login?: LogIn
  logOut?: LogOut
  logout?: LogOut
}
