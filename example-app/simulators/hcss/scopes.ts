/** What HCSS has assigned to the simulated clients; `offline_access` is a matter of its own. */
export const USER_SCOPES = ['openid', 'profile', 'email', 'heavyjob:read', 'heavyjob:write', 'skills:read']

export const APP_SCOPES = ['heavyjob:read', 'skills:read']
