// `npm start`: runs the example app that is already built, in the foreground, and ends with it.
import { existsSync } from 'node:fs'
import { foreground } from './steps.js'

const app = 'example-app/dist/main.js'
if (existsSync(app)) {
  process.exitCode = await foreground([process.execPath, app])
} else {
  console.error('The example app is not built yet: npm run demo installs, builds and starts it.')
  process.exitCode = 1
}
