/** Express 4 beside 5, under a name of its own. What the tests use of it has the same types. */
declare module 'express4' {
  export { default } from 'express'
}
