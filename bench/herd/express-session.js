import { countVisit, newApp, serve } from './app.js'
import { isExpired, mountRecipe, refresh } from './recipe.js'

const app = newApp()
mountRecipe(app)
serve(app, {
  async read({ session }) {
    if (isExpired(session.tokens)) await refresh(session)
    return { sub: session.user.sub, token: session.tokens.accessToken }
  },
  write: (req) => countVisit(req.session),
})
