/** The application, as it is registered at the authorization server. Nobody listens there: the test plays the balancer in front. */
export const CLIENT = {
  id: 'the-app',
  secret: 'the-secret-of-the-app',
  redirectUri: 'http://localhost:3000/callback',
} as const
