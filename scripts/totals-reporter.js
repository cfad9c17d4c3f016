// A jest reporter that leaves the totals in the file named by TOTALS_FILE, for scripts/test.js to print last.
import { writeFileSync } from 'node:fs'

export default class TotalsReporter {
  onRunComplete(_contexts, results) {
    const totals = {
      passed: results.numPassedTests,
      // A file that does not load has no tests to count, yet it must never look like success.
      failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
      skipped: results.numPendingTests + results.numTodoTests,
    }
    if (process.env.TOTALS_FILE) writeFileSync(process.env.TOTALS_FILE, JSON.stringify(totals))
  }
}
