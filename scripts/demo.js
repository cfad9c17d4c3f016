// `npm run demo`: from a fresh clone to a running example app.
import { build, foreground, installDependencies, requireNode } from './steps.js'

requireNode()
await installDependencies()
await build()
process.exitCode = await foreground([process.execPath, 'example-app/dist/main.js'])
