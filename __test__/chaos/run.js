/**
 * Chaos tests under load: key server faults, certificates, a proxy, rotations, floods, stampedes, clock jumps, and
 * Redis faults. The tests fail if more verifications fail, or take longer, than documented.
 *
 *     npm run test:chaos
 *     npm run test:chaos -- --only outages
 *     npm run test:chaos -- --only revocation --minutes 30
 *     npm run test:chaos -- --record         also writes the results to docs/security-runs.md
 */

const { parseArgs } = require('node:util')
const { certificates, setEnvironment } = require('./certificates')
const { jumps } = require('./clock')
const { outages } = require('./outages')
const { recovery } = require('./recovery')
const { revocation } = require('./revocation')
const { floods, rotations } = require('./rotations')
const { stampedes } = require('./stampedes')
const { printTable } = require('./table')
const { recordRun } = require('../../scripts/record-run')

/**
 * @typedef {{ after(close: () => unknown): void }} Closing
 * @typedef {ReturnType<typeof newReport>} Report
 * @typedef {Awaited<ReturnType<typeof setEnvironment>> & { t: Closing, report: Report, minutes: number }} World
 * @typedef {(world: World) => Promise<void>} Scenario
 * @typedef {object} Row
 * @property {string} name
 * @property {string} cachedKeys
 * @property {{ tried: number, good: number, invalidAccepted: number, stallMs?: number }} figures
 * @property {string} callersSee - What callers notice.
 * @property {number} lost - Valid tokens rejected, and invalid ones rejected with a wrong code, except as documented.
 * @property {number} slowestMs
 * @property {number} maxMs - The limit of `slowestMs`.
 * @property {number} requests - Requests to the key server during the fault.
 * @property {number} maxRequests - The limit of `requests`.
 * @property {number} [recoveryMs]
 * @property {number} [maxRecoveryMs] - The limit of `recoveryMs`.
 */

const SCENARIOS = { recovery, outages, certificates, stampedes, rotations, floods, jumps, revocation }

function newReport() {
  const broken = []
  const rows = []
  const skipped = []
  /** Results that are recorded in separate rows. @type {{ name: string, result: string }[]} */
  const results = []
  let faults = 0
  const must = (holds, otherwise) => void (holds || broken.push(otherwise))
  return {
    broken,
    skipped,
    results,
    must,
    skip: (what) => void skipped.push(what),
    faults: (count) => {
      faults += count
    },
    row(row) {
      const {
        cachedKeys,
        figures,
        lost,
        slowestMs,
        maxMs,
        requests,
        maxRequests,
        recoveryMs = 0,
        maxRecoveryMs = 0,
      } = row
      const name = `${row.name || rows.at(-1)?.name} (cached keys: ${cachedKeys})`
      rows.push(row)
      must(figures.tried > 0, `${name}: no token was verified`)
      must(lost === 0, `${name}: ${lost} lost: ${JSON.stringify(figures)}`)
      must(figures.invalidAccepted === 0, `${name}: ${figures.invalidAccepted} invalid tokens accepted`)
      must(slowestMs <= maxMs + (figures.stallMs ?? 0), `${name}: a verification took ${slowestMs} ms`)
      must(
        requests <= maxRequests,
        `${name}: the key server received ${requests} requests, expected at most ${maxRequests}`,
      )
      must(recoveryMs <= maxRecoveryMs + (figures.stallMs ?? 0), `${name}: recovered after ${recoveryMs} ms`)
    },
    summary(seconds) {
      const sum = (of) => rows.map(of).reduce((one, other) => one + other, 0)
      const figure = (value) => Math.round(value).toLocaleString('en')
      const tried = sum(({ figures }) => figures.tried)
      return `${broken.length > 0 ? 'FAILED: ' : ''}${figure(tried)} tokens, ${figure(tried / seconds)} per second, ${faults} faults; valid tokens rejected with usable keys: ${sum(({ lost }) => lost)}; invalid tokens accepted: ${sum(({ figures }) => figures.invalidAccepted)}; slowest recovery ${figure(Math.max(...rows.map(({ recoveryMs = 0 }) => recoveryMs)))} ms`
    },
    print(seconds) {
      if (rows.length > 0) this.printRows(seconds)
      for (const what of skipped) console.log(`skipped: ${what}`)
      for (const what of broken) console.error(`FAILED: ${what}`)
    },
    /** For docs/security-runs.md. */
    record(seconds, only) {
      const command = `npm run test:chaos${only.map((flag) => ` ${flag}`).join('')}`
      const failed = broken.length > 0 ? 'FAILED: ' : ''
      for (const { name, result } of results) recordRun({ name, command, result: `${failed}${result}` })
      if (rows.length === 0) return
      const name = only.length === 0 ? 'Chaos' : `Chaos, ${only.slice(1).join(' ')}`
      recordRun({ name, command, result: this.summary(seconds) })
    },
    printRows(seconds) {
      const head = [
        'fault',
        'cached keys',
        'tokens',
        'wrongly rejected',
        'wrongly accepted',
        'callers see',
        'slowest, ms',
      ]
      printTable([
        [...head, 'requests (at most)', 'recovered after, ms'],
        ...rows.map(({ name, cachedKeys, figures, lost, callersSee, slowestMs, requests, maxRequests, recoveryMs }) => [
          ...[name, cachedKeys, figures.tried, lost, figures.invalidAccepted, callersSee, Math.round(slowestMs)],
          ...[`${requests} (${maxRequests})`, recoveryMs === undefined ? '' : Math.round(recoveryMs)],
        ]),
      ])
      const sum = (of) => rows.map(of).reduce((one, other) => one + other, 0)
      console.log()
      printTable([
        ['tokens', sum(({ figures }) => figures.tried)],
        ['per second', Math.round(sum(({ figures }) => figures.tried) / seconds)],
        ['faults', faults],
        ['wrongly rejected', sum(({ lost }) => lost)],
        ['wrongly accepted', sum(({ figures }) => figures.invalidAccepted)],
        ['slowest recovery, ms', Math.round(Math.max(...rows.map(({ recoveryMs = 0 }) => recoveryMs)))],
      ])
    },
  }
}

async function main() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true, default: Object.keys(SCENARIOS) },
      record: { type: 'boolean', default: false },
      minutes: { type: 'string', default: '0' },
    },
  })
  const closing = []
  const t = { after: (close) => closing.push(close) }
  const report = newReport()
  try {
    const environment = await setEnvironment(t)
    const start = performance.now()
    for (const name of values.only) {
      const began = performance.now()
      await SCENARIOS[name]({ t, report, minutes: Number(values.minutes), ...environment })
      console.log(`${name}: ${((performance.now() - began) / 1000).toFixed(1)} s`)
    }
    const seconds = (performance.now() - start) / 1000
    report.print(seconds)
    if (values.record) {
      const args = process.argv.slice(2).filter((arg) => arg !== '--record')
      report.record(seconds, args.length === 0 ? [] : ['--', ...args])
    }
  } finally {
    for (const close of closing) close()
  }
  process.exitCode = report.broken.length > 0 ? 1 : 0
}

main()
