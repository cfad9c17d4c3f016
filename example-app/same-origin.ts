import type { RequestHandler } from 'express'

/** For what changes something: a form on another site must not do that for the people who look at it. */
export const sameOriginOnly: RequestHandler = (req, res, next) => {
  const site = req.get('sec-fetch-site')
  if (site === undefined || site === 'same-origin') return next()
  res.status(403).type('text').send('This can only be asked for from here.\n')
}
